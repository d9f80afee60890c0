using System.Collections.Concurrent;
using System.Diagnostics;

namespace Orchestrator.ProcessTests;

/// <summary>The real command in a process of its own, with what it printed.</summary>
internal sealed class OrchestratorProcess : IAsyncDisposable
{
    /// <summary>No wait of a test is longer.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "orchestrator");

    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    private OrchestratorProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public string Output => string.Join('\n', _lines);

    public static OrchestratorProcess Start(IEnumerable<string> arguments, string? folder = null, params (string Name, string Value)[] environment) =>
        StartCommand([Program, .. arguments], folder, environment);

    /// <param name="starter">A command that becomes the one that follows it.</param>
    public static OrchestratorProcess StartWith(string[] starter, string[] arguments, params (string Name, string Value)[] environment) =>
        StartCommand([.. starter, Program, .. arguments], null, environment);

    private static OrchestratorProcess StartCommand(string[] command, string? folder, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var started = new OrchestratorProcess(Process.Start(start)!);
        started._process.OutputDataReceived += (_, line) => started.Keep(line.Data);
        started._process.ErrorDataReceived += (_, line) => started.Keep(line.Data);
        started._process.BeginOutputReadLine();
        started._process.BeginErrorReadLine();
        return started;
    }

    /// <summary>Runs it to its end, which must be this exit code.</summary>
    public static async Task<string> RunAsync(int exitCode, params string[] arguments)
    {
        await using var process = Start(arguments);
        Assert.True(exitCode == await process.ExitCodeAsync(), process.Output);
        return process.Output;
    }

    public async Task<int> ExitCodeAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    /// <summary>The first line that holds a text.</summary>
    public async Task<string> LineAsync(string text)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            if (_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } found)
            {
                return found;
            }

            Assert.False(_process.HasExited, $"It ended without a line \"{text}\":\n{Output}");
            await Task.Delay(20, deadline.Token);
        }
    }

    /// <summary>Lines so far that hold a text.</summary>
    public int Count(string text) => _lines.Count(line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Until so many lines hold a text.</summary>
    public Task CountAsync(string text, int count) => UntilAsync(() => Count(text) >= count, $"{count} lines with \"{text}\"");

    /// <summary>Until the last change of membership that it tells of leaves so many members.</summary>
    public Task MembersAsync(int count) => UntilAsync(
        () => _lines.LastOrDefault(line => line.Contains("In now: ", StringComparison.Ordinal)) is { } line && line.Split("In now: ")[^1].Split(", ").Length == count, $"{count} members");

    private async Task UntilAsync(Func<bool> wanted, string what)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!wanted())
        {
            Assert.False(_process.HasExited, $"It ended without {what}:\n{Output}");
            try
            {
                await Task.Delay(20, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No {what} within {Deadline.TotalMinutes:0} min:\n{Output}");
            }
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await ExitCodeAsync();
    }

    /// <summary>Ids of its children that live.</summary>
    public int[] Children() =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
            .Where(id => id > 0 && ParentOf(id) == Id),
    ];

    public static bool Lives(int id) => File.Exists($"/proc/{id}/stat") && ParentOf(id) is not null;

    public static async Task GoneAsync(IEnumerable<int> ids)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (ids.Any(Lives))
        {
            await Task.Delay(20, deadline.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    // null: no such process, or one that has ended and is only waited for.
    private static int? ParentOf(int id)
    {
        try
        {
            var fields = File.ReadAllText($"/proc/{id}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields[0] == "Z" ? null : int.Parse(fields[1]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _lines.Enqueue(line);
        }
    }
}
