using System.Collections.Concurrent;
using Orchestrator.Host.Processes;

namespace Orchestrator.Tests.Host.Processes;

/// <summary>With a shell in a worker's place: these tests are about ends and restarts, whatever it is that runs.</summary>
public sealed class LauncherTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private readonly string _folder = Directory.CreateTempSubdirectory("launcher-").FullName;
    private readonly ConcurrentQueue<string> _told = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_worker_that_fails_is_started_again_and_at_last_given_up_with_its_last_lines()
    {
        await using var launcher = Start("echo \"life of $ORCHESTRATOR_TEST\"; echo broken >&2; exit 7", 1);
        Assert.Equal(
            "No worker is left on this machine: worker-0 has ended, it ended with exit code 7, 2 times in a row (cluster.max_restarts is 1).",
            await launcher.Exhausted.WaitAsync(Deadline));
        Assert.Equal(2, _told.Count);
        Assert.All(_told, line => Assert.Contains("broken", line, StringComparison.Ordinal));
        var log = await File.ReadAllLinesAsync(Path.Combine(_folder, "worker-0.log"));
        Assert.Equal(["broken", "broken", "life of place 0", "life of place 0"], log.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Children_that_ignore_a_polite_request_are_killed_when_the_launcher_ends()
    {
        var mark = Path.Combine(_folder, "pid");
        var launcher = Start($"trap '' TERM; echo $$ > {mark}.tmp; mv {mark}.tmp {mark}; while true; do sleep 1; done", 0, TimeSpan.FromMilliseconds(200));
        await Appears(mark);
        var pid = (await File.ReadAllTextAsync(mark)).Trim();
        await launcher.DisposeAsync();
        Assert.False(Directory.Exists($"/proc/{pid}"));
    }

    [Fact]
    public async Task A_worker_that_ends_well_is_left_alone()
    {
        await using (var launcher = Start("exit 0", 3))
        {
            await Appears(Path.Combine(_folder, "worker-0.log"));
        }

        Assert.Empty(_told);
    }

    private Launcher Start(string script, int restarts, TimeSpan? grace = null)
    {
        var command = new WorkerCommand(
            ["/bin/sh", "-c"], _ => [script], place => new Dictionary<string, string> { ["ORCHESTRATOR_TEST"] = $"place {place.Number}" });
        var launcher = new Launcher(command, new RestartRule(restarts), _folder, _told.Enqueue) { Grace = grace ?? Deadline };
        launcher.Start([new WorkerPlace(0, "cpu", 1)]);
        return launcher;
    }

    private static async Task Appears(string path)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!File.Exists(path))
        {
            await Task.Delay(10, deadline.Token);
        }
    }
}
