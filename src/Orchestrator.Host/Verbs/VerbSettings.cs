using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Verbs;

/// <summary>Settings of verbs that have no run file: the same keys with the same defaults and the same checks, from options alone.</summary>
internal static class VerbSettings
{
    /// <param name="more">key=value.</param>
    /// <exception cref="RunFileException">A folder, a file or a value cannot be used.</exception>
    public static Settings Of(string model, string? reference, string data, IEnumerable<string> more) => SettingsReader.Read(
        "",
        "the command line",
        Directory.GetCurrentDirectory(),
        [
            $"{ModelKeys.Path.Dotted}={Quote(model)}",
            .. reference is null ? Array.Empty<string>() : [$"{ModelKeys.Reference.Dotted}={Quote(reference)}"],
            $"{DataKeys.Train.Dotted}={Quote(data)}",
            .. more,
        ],
        Directory.GetCurrentDirectory());

    /// <summary>The option --adapter as a setting, or none.</summary>
    public static string[] Adapter(string? adapter) => adapter is null ? [] : [$"{ModelKeys.Adapter.Dotted}={Quote(adapter)}"];

    /// <summary>A text as YAML has it in quotes, whatever characters are in it.</summary>
    public static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
