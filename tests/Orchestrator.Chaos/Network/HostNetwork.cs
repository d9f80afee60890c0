using System.Diagnostics;

namespace Orchestrator.Chaos.Network;

/// <summary>
/// Gives every "host" a network namespace of its own on one bridge, so that links can be cut for real: both planes, both directions. All of it lies
/// inside a namespace of this program's, and is gone with its processes. Without the right to do so all hosts share the loopback, and nothing is cut.
/// </summary>
internal sealed class HostNetwork : IDisposable
{
    private const string Bridge = "chaos0";
    private readonly List<Process> _holders = [];

    /// <param name="separate">True inside <see cref="RunInsideAsync"/>.</param>
    public HostNetwork(bool separate)
    {
        Separate = separate;
        if (separate)
        {
            Ip("link", "set", "lo", "up");
            Ip("link", "add", Bridge, "type", "bridge");
            Ip("addr", "add", "10.77.0.1/24", "dev", Bridge);
            Ip("link", "set", Bridge, "up");
        }
    }

    public bool Separate { get; }

    /// <summary>Why links cannot be cut here; "" where they can.</summary>
    public static string WhyNot()
    {
        try
        {
            return Run("unshare", "--net", "--", "ip", "link", "add", "chaos-try", "type", "veth") is { Length: > 0 } refused
                ? $"the kernel does not let this user make network namespaces and links ({refused})"
                : "";
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            return $"unshare or ip cannot be run: {missing.Message}";
        }
    }

    /// <summary>This program again, in a namespace of its own.</summary>
    public static async Task<int> RunInsideAsync(IReadOnlyList<string> args)
    {
        string[] self = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
            ? [Environment.ProcessPath!, Environment.GetCommandLineArgs()[0]]
            : [Environment.ProcessPath!];
        using var process = Process.Start(new ProcessStartInfo("unshare", ["--net", "--", .. self, .. args, ChaosOptions.InsideFlag]))!;
        Console.CancelKeyPress += (_, press) => press.Cancel = true;   // the one inside ends it
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <summary>A host of this number, from 0.</summary>
    public NetHost Add(int number)
    {
        if (!Separate)
        {
            return new NetHost(number, "127.0.0.1", null);
        }

        var holder = Process.Start(new ProcessStartInfo("unshare", ["--net", "--", "sh", "-c", "echo ready; exec sleep infinity"]) { RedirectStandardOutput = true })!;
        _holders.Add(holder);
        _ = holder.StandardOutput.ReadLine();   // from now on it has its namespace
        var host = new NetHost(number, $"10.77.0.{number + 10}", holder.Id);
        Ip("link", "add", host.Link, "type", "veth", "peer", "name", "eth0", "netns", $"{holder.Id}");
        Ip("link", "set", host.Link, "master", Bridge, "up");
        Inside(holder, "addr", "add", $"{host.Address}/24", "dev", "eth0");
        Inside(holder, "link", "set", "lo", "up");
        Inside(holder, "link", "set", "eth0", "up");
        return host;
    }

    public void Cut(NetHost host) => Ip("link", "set", host.Link, "down");

    public void Heal(NetHost host) => Ip("link", "set", host.Link, "up");

    public void Dispose()
    {
        foreach (var holder in _holders)
        {
            holder.Kill();
            holder.WaitForExit();
            holder.Dispose();
        }
    }

    private static void Inside(Process holder, params string[] arguments) => Must("nsenter", ["--net", "--target", $"{holder.Id}", "--", "ip", .. arguments]);

    private static void Ip(params string[] arguments) => Must("ip", arguments);

    private static void Must(string program, string[] arguments)
    {
        if (Run(program, arguments) is { Length: > 0 } refused)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {refused}");
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : $"{said.Trim()} (exit code {process.ExitCode})";
    }
}

/// <param name="Holder">A process in its network namespace; null: it shares this program's.</param>
internal sealed record NetHost(int Number, string Address, int? Holder)
{
    public string Link => $"chaos-{Number}";

    /// <summary>The command, run on this host. The process keeps its id: nsenter becomes it.</summary>
    public string[] Command(params string[] command) => Holder is { } holder ? ["nsenter", "--net", "--target", $"{holder}", "--", .. command] : command;
}
