using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Host.RunFile;

/// <summary>Pairs to train on: a file, a folder or a pattern.</summary>
/// <param name="Weight">Its share of an epoch beside those of the other sources; null: all of its rows.</param>
public sealed record DataSource(string Path, double? Weight = null)
{
    private static readonly ValueKind<string> Location = Kinds.Location("a file of pairs");
    private static readonly ValueKind<double> Share = Kinds.Number(above: 0);

    /// <summary>One source or a list of them; where one has a weight, all have.</summary>
    public static ValueKind<ImmutableArray<DataSource>> Kind(string needed) => new(
        needed,
        (value, folder) => value.Shape == YamlShape.List
            ? value.Items.Length == 0 ? throw new ValueException("") : AllOrNone([.. value.Items.Select(item => Read(item, folder))])
            : [Read(value, folder)],
        sources => sources.Length == 1 && sources[0].Weight is null ? Location.Write(sources[0].Path) : $"[{string.Join(", ", sources.Select(Write))}]");

    private static DataSource Read(YamlValue value, string folder)
    {
        if (value.Shape != YamlShape.Map)
        {
            return new DataSource(Location.Read(value, folder));
        }

        if (value.Entries.FirstOrDefault(entry => entry.Key.Text is not ("path" or "weight")).Key is { } other)
        {
            throw new ValueException($" An entry has path and weight, not {other}.{(EditDistance.Nearest(other.Text, ["path", "weight"]) is { } near ? $" Did you mean {near}?" : "")}");
        }

        YamlValue? Entry(string name) => value.Entries.FirstOrDefault(entry => entry.Key.Text == name).Value;
        return new DataSource(
            Location.Read(Entry("path") ?? throw new ValueException(" An entry has no path."), folder),
            Entry("weight") is { } weight ? WeightOf(weight, folder) : null);
    }

    private static double WeightOf(YamlValue weight, string folder)
    {
        try
        {
            return Share.Read(weight, folder);
        }
        catch (ValueException)
        {
            throw new ValueException($" A weight is {weight}; needed is a number above 0.");
        }
    }

    private static ImmutableArray<DataSource> AllOrNone(ImmutableArray<DataSource> sources) => sources.Select(source => source.Weight is null).Distinct().Count() == 1
        ? sources
        : throw new ValueException($" {sources.First(source => source.Weight is null).Path} has no weight, and others have one: give every source a weight, or none.");

    private static string Write(DataSource source) => source.Weight is { } weight ? $"{{path: {Location.Write(source.Path)}, weight: {Share.Write(weight)}}}" : Location.Write(source.Path);
}
