using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Host.RunFile;

/// <summary>All keys of the run file.</summary>
public static class Keys
{
    public static ImmutableArray<Key> All { get; } =
    [
        .. ModelKeys.All, .. DataKeys.All, .. ObjectiveKeys.All, .. TrainingKeys.All, .. LoraKeys.All, .. ReferenceKeys.All, .. ClusterKeys.All, .. OutputKeys.All, .. SelectionKeys.All,
    ];

    public static ImmutableArray<string> Sections { get; } = [.. All.Select(key => key.Section).Distinct()];

    /// <summary>The key of this name: short, dotted, or what another trainer calls it; null where there is none.</summary>
    public static Key? Find(string name) => All.FirstOrDefault(key => key.Name == name || key.Dotted == name || key.Aliases.Contains(name));

    /// <summary>The name that was probably meant: in a section its own keys come first.</summary>
    public static string? Nearest(string name, string? section)
    {
        var own = All.Where(key => key.Section == section);
        var near = EditDistance.Nearest(name, own.Select(key => key.Name)) ?? EditDistance.Nearest(name, All.Select(key => key.Name));
        return near is null ? EditDistance.Nearest(name, All.Select(key => key.Dotted)) : Find(near)!.Dotted;
    }
}
