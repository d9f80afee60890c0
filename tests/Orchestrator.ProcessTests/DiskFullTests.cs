using System.Diagnostics;

namespace Orchestrator.ProcessTests;

/// <summary>The disk that checkpoints go to is full for a while: the run says so and goes on, and the last good checkpoint stays.</summary>
public sealed class DiskFullTests : IDisposable
{
    private readonly string _disk = Directory.CreateTempSubdirectory("disk-").FullName;
    private bool _mounted;

    [SkippableFact]
    public async Task A_run_goes_on_while_its_disk_is_full_and_saves_when_there_is_room_again()
    {
        var refused = await MountAsync(["-t", "tmpfs", "-o", "size=24m", "none", _disk]);
        Skip.If(refused is not null, $"A small file system cannot be mounted here: {refused}");
        _mounted = true;
        using var run = new MadeRun("save_every_steps: 5", "keep_last: 2", "max_steps: 60");
        var output = Path.Combine(_disk, "out");
        await using var process = OrchestratorProcess.Start(["train", run.RunFile, "--output", output, "--workers", "1"]);
        await process.LineAsync("Checkpoint of step 5:");
        var filler = Path.Combine(_disk, "filler");
        Fill(filler);
        await process.LineAsync("WARNING: no checkpoint of step");
        Assert.Contains(Directory.EnumerateDirectories(Path.Combine(output, "checkpoints")), path => File.Exists(Path.Combine(path, "manifest.json")));
        File.Delete(filler);
        Assert.True(await process.ExitCodeAsync() == 0, process.Output);
        await OrchestratorProcess.RunAsync(0, run.Train("undisturbed", "--workers", "1"));
        Assert.Equal(run.WeightsSha256("undisturbed"), MadeRun.Sha256(Path.Combine(output, "model", "model.safetensors")));
    }

    public void Dispose()
    {
        if (_mounted)
        {
            Process.Start("umount", ["-l", _disk]).WaitForExit();
        }

        Directory.Delete(_disk, recursive: true);
    }

    /// <summary>Writes until nothing more fits.</summary>
    private static void Fill(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            for (var block = new byte[4096]; ;)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static async Task<string?> MountAsync(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? null : said.Trim();
    }
}
