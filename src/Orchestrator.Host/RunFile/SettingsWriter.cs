using System.Text;

namespace Orchestrator.Host.RunFile;

/// <summary>Writes settings as a run file that says everything: every key, its value and what it means.</summary>
public static class SettingsWriter
{
    /// <summary>Read again it gives the same settings, wherever it lies: its paths are absolute. Secrets are left out.</summary>
    public static string Write(Settings settings)
    {
        var text = new StringBuilder("# The run as it was resolved: defaults, run file and --set together. Start it again with: orchestrator train <this file>\n");
        foreach (var section in Keys.Sections)
        {
            text.Append('\n').Append(section).Append(":\n");
            foreach (var key in Keys.All.Where(key => key.Section == section && key != (Key)ClusterKeys.Token))
            {
                text.Append("  # ").Append(key.Help).Append('\n')
                    .Append("  ").Append(key.Name).Append(": ").Append(key.Write(settings.Value(key))).Append('\n');
            }
        }

        return text.ToString();
    }
}
