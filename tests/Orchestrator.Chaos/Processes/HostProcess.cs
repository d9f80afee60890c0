using System.Diagnostics;
using System.Runtime.InteropServices;
using Orchestrator.Chaos.Network;

namespace Orchestrator.Chaos.Processes;

/// <summary>One `orchestrator` command on one host, with all it says in a file.</summary>
internal sealed partial class HostProcess : IDisposable
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    private readonly Process _process;
    private readonly StreamWriter _log;

    private HostProcess(Process process, StreamWriter log) => (_process, _log) = (process, log);

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <param name="log">Appended to.</param>
    public static HostProcess Start(NetHost host, string token, string log, params string[] arguments)
    {
        string[] command = host.Command([Path.Combine(AppContext.BaseDirectory, "orchestrator"), .. arguments]);
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetDirectoryName(log)! };
        start.Environment["ORCHESTRATOR_TOKEN"] = token;
        var file = new StreamWriter(new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
        file.WriteLine($"--- {string.Join(' ', arguments)}");
        var process = Process.Start(start)!;
        var started = new HostProcess(process, file);
        process.OutputDataReceived += (_, line) => started.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => started.Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return started;
    }

    public void Signal(int signal) => _ = kill(Id, signal);

    public static void Signal(int process, int signal) => _ = kill(process, signal);

    /// <summary>Ids of its children that live.</summary>
    public int[] Children() => ProcessTable.ChildrenOf(Id);

    /// <exception cref="TimeoutException">It lives on.</exception>
    public async Task<int> EndAsync(TimeSpan deadline)
    {
        await _process.WaitForExitAsync().WaitAsync(deadline);
        return ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Signal(Continue);
            Signal(Kill);
            _process.WaitForExit();
        }

        lock (_log)
        {
            _log.Dispose();
        }

        _process.Dispose();
    }

    private void Keep(string? line)
    {
        lock (_log)
        {
            if (line is not null && _log.BaseStream is { CanWrite: true })
            {
                _log.WriteLine($"{TimeProvider.System.GetUtcNow():HH:mm:ss.fff} {line}");
            }
        }
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int kill(int process, int signal);
}
