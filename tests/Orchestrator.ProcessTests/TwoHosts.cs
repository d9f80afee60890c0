using System.Diagnostics;

namespace Orchestrator.ProcessTests;

/// <summary>
/// Two machines as far as the program can tell: namespaces for the network, with one cable between them, and for the host's name, so that neither takes
/// the other's memory for its own. Gone with the processes that hold them.
/// </summary>
internal sealed class TwoHosts : IDisposable
{
    private readonly List<Process> _holders = [];

    /// <exception cref="SkipException">The kernel does not let this user make network namespaces.</exception>
    public TwoHosts()
    {
        try
        {
            _holders.AddRange([Hold("first"), Hold("second")]);
            Must(0, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", $"{_holders[1].Id}");
            foreach (var host in new[] { 0, 1 })
            {
                Must(host, "ip", "addr", "add", $"{Address(host)}/24", "dev", "eth0");
                Must(host, "ip", "link", "set", "lo", "up");
                Must(host, "ip", "link", "set", "eth0", "up");
            }
        }
        catch (Exception refused) when (refused is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            Dispose();
            throw new SkipException($"Needs unshare, nsenter and ip, and the right to make network namespaces: {refused.Message}");
        }
    }

    public static string Address(int host) => $"10.78.0.{host + 1}";

    /// <summary>What starts a command on a host.</summary>
    public string[] On(int host) => ["nsenter", "--net", "--uts", "--target", $"{_holders[host].Id}", "--"];

    public void Dispose()
    {
        foreach (var holder in _holders)
        {
            holder.Kill();
            holder.WaitForExit();
            holder.Dispose();
        }
    }

    private static Process Hold(string name)
    {
        var holder = Process.Start(new ProcessStartInfo("unshare", ["--net", "--uts", "--", "sh", "-c", $"hostname {name} && echo ready; exec sleep infinity"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        return holder.StandardOutput.ReadLine() is not null   // from now on it has its namespace
            ? holder
            : throw new InvalidOperationException(holder.StandardError.ReadToEnd().Trim());
    }

    private void Must(int host, params string[] command)
    {
        string[] all = [.. On(host), .. command];
        using var process = Process.Start(new ProcessStartInfo(all[0], all[1..]) { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)}: {said.Trim()}");
        }
    }
}
