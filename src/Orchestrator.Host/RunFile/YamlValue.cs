using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

public enum YamlShape
{
    Scalar,
    List,
    Map,
}

/// <summary>A YAML value with the line it stands on. Keys of a map keep their order and may repeat: the reader of the map decides.</summary>
public sealed record YamlValue(Place Place, YamlShape Shape)
{
    /// <summary>A scalar's text.</summary>
    public string Text { get; init; } = "";

    /// <summary>True where quotes say that the scalar is text.</summary>
    public bool Quoted { get; init; }

    public ImmutableArray<YamlValue> Items { get; init; } = [];

    public ImmutableArray<(YamlValue Key, YamlValue Value)> Entries { get; init; } = [];

    public bool IsNull => Shape == YamlShape.Scalar && !Quoted && Text is "" or "~" or "null" or "Null" or "NULL";

    /// <summary>As a message shows it.</summary>
    public override string ToString() => Shape switch
    {
        YamlShape.List => $"a list of {Items.Length}",
        YamlShape.Map => $"a section of {Entries.Length}",
        _ when IsNull => "empty",
        _ => Quoted || Text.Contains(' ') ? $"\"{Text}\"" : Text,
    };
}
