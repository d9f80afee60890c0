using System.Globalization;

namespace Orchestrator.Host.RunFile;

/// <summary>Where a control node listens: "host:port".</summary>
public sealed record ControlAddress(string Host, int Port)
{
    /// <returns>Null where the text is no host:port.</returns>
    public static ControlAddress? TryParse(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? new ControlAddress(text[..colon], port)
            : null;
    }

    public override string ToString() => $"{Host}:{Port}";
}
