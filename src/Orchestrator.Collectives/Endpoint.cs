using System.Globalization;

namespace Orchestrator.Collectives;

/// <summary>Where a rank's data plane is reached, and what tells whether two ranks share a machine or a process.</summary>
/// <param name="Address">host:port of its <see cref="CollectiveServer"/>.</param>
/// <param name="HostId">Equal for processes that can see each other's memory files: machine, process namespace and user.</param>
/// <param name="ProcessId">Within that host.</param>
public sealed record Endpoint(string Address, string HostId, int ProcessId)
{
    /// <summary>The endpoint of a server of this process.</summary>
    public static Endpoint Here(string address) => new(address, HostIdentity.Current, Environment.ProcessId);

    /// <summary>As <see cref="ToString"/> writes it.</summary>
    /// <exception cref="FormatException">The text is not "host:port|host id|process id".</exception>
    public static Endpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('|') is [var address, var host, var process]
            && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new Endpoint(address, host, id)
            : throw new FormatException($"'{text}' is not an endpoint: needed is host:port|host id|process id.");
    }

    public override string ToString() => $"{Address}|{HostId}|{ProcessId}";
}
