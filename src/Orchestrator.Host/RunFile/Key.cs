using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>
/// One key of the run file. Parsing, checking, the list of keys and the saved run file all come from the table of these.
/// </summary>
public abstract class Key(string section, string name, string needed, string help)
{
    public string Section { get; } = section;

    /// <summary>Unique among all keys, so that it may stand without its section.</summary>
    public string Name { get; } = name;

    public string Dotted => $"{Section}.{Name}";

    /// <summary>What values it takes, in words.</summary>
    public string Needed { get; } = needed;

    /// <summary>One line.</summary>
    public string Help { get; } = help;

    /// <summary>Names that other trainers give to exactly this; taken as they are.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>True where the run file must have it.</summary>
    public bool Required { get; init; }

    /// <summary>False where the weights do not depend on it, so that it may differ when a run is resumed.</summary>
    public bool ChangesResult { get; init; } = true;

    public abstract object? DefaultValue { get; }

    /// <summary>The default as the run file would say it.</summary>
    public string DefaultText => Required ? "(needed)" : Write(DefaultValue);

    /// <exception cref="ValueException">The value does not fit.</exception>
    public abstract object? Read(YamlValue value, string folder);

    public abstract string Write(object? value);
}

/// <inheritdoc/>
public sealed class Key<T>(string section, string name, ValueKind<T> kind, T? absent, string help)
    : Key(section, name, kind.Needed, help)
{
    public override object? DefaultValue => absent;

    public override object? Read(YamlValue value, string folder) => kind.Read(value, folder);

    public override string Write(object? value) => kind.Write((T)value!);
}
