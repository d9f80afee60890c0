using System.Globalization;

namespace Orchestrator.Host.RunFile;

/// <summary>
/// A step's pairs in TRL's names: data.pairs_per_leaf is per_device_train_batch_size, and data.pairs_per_step that times gradient_accumulation_steps
/// times the processes, which cluster.workers of the same file says. What is absent is as in TRL: 8, 1, and one process. Workers of a command line
/// do not count, so that their number changes no result.
/// </summary>
internal static class ForeignBatch
{
    private const string Leaf = "per_device_train_batch_size";
    private const string Accumulation = "gradient_accumulation_steps";

    private static readonly ValueKind<int> Number = Kinds.Whole(1, 1 << 16);

    public static bool Owns(string name) => name is Leaf or Accumulation;

    /// <param name="root">The file.</param>
    /// <param name="written">The values of the keys of ours in it.</param>
    /// <returns>Values of the two keys of ours, or what is wrong; nothing where the file has none of TRL's.</returns>
    public static (IReadOnlyList<(Key Key, YamlValue Value)> Values, IReadOnlyList<Problem> Problems) Read(YamlValue root, IReadOnlyDictionary<Key, YamlValue> written)
    {
        var entries = root.Entries.Where(entry => Owns(entry.Key.Text)).ToArray();
        if (entries.Length == 0)
        {
            return ([], []);
        }

        var problems = WhyNot(written) is { } why
            ? entries.Select(entry => new Problem(entry.Key.Place, $"{entry.Key.Text} is not a key. {ForeignNames.HintFor(entry.Key.Text)} {why}")).ToArray()
            : [.. entries.Select((entry, at) => Wrong(entry.Key, entry.Value, entries[..at])).OfType<Problem>()];
        return problems.Length > 0 ? ([], problems) : (Values(entries, written), []);
    }

    private static (Key, YamlValue)[] Values((YamlValue Key, YamlValue Value)[] entries, IReadOnlyDictionary<Key, YamlValue> written)
    {
        (long Number, Place? Place) Of(string name, long absent) =>
            Array.Find(entries, entry => entry.Key.Text == name) is { Key: { } key } entry ? (Number.Read(entry.Value, ""), key.Place) : (absent, null);
        var (leaf, leafPlace) = Of(Leaf, 8);
        var (accumulation, place) = Of(Accumulation, 1);
        var step = leaf * accumulation * ProcessesOf(written);
        return
        [
            (DataKeys.PairsPerLeaf, Scalar((leafPlace ?? place)!, leaf)),
            (DataKeys.PairsPerStep, Scalar((place ?? leafPlace)!, step)),
        ];
    }

    private static string? WhyNot(IReadOnlyDictionary<Key, YamlValue> written)
    {
        foreach (var key in new Key[] { DataKeys.PairsPerStep, DataKeys.PairsPerLeaf })
        {
            if (written.TryGetValue(key, out var value))
            {
                return $"It may stand where neither {DataKeys.PairsPerStep.Dotted} nor {DataKeys.PairsPerLeaf.Dotted} does, and {key.Dotted} stands in line {value.Place.Line}.";
            }
        }

        return ProcessesOf(written) > 0 ? null
            : $"It may stand where {ClusterKeys.Workers.Dotted} is 1 or more, or absent (one process), and {ClusterKeys.Workers.Dotted} is {written[ClusterKeys.Workers]} in line {written[ClusterKeys.Workers].Place.Line}.";
    }

    /// <returns>0 where it is not known.</returns>
    private static long ProcessesOf(IReadOnlyDictionary<Key, YamlValue> written) =>
        !written.TryGetValue(ClusterKeys.Workers, out var workers) ? 1
        : workers.Shape == YamlShape.Scalar && int.TryParse(workers.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static Problem? Wrong(YamlValue name, YamlValue value, (YamlValue Key, YamlValue Value)[] before)
    {
        if (Array.Find(before, entry => entry.Key.Text == name.Text).Key is { } other)
        {
            return new Problem(name.Place, $"{name.Text} stands here and in line {other.Place.Line}. Keep one of them.");
        }

        try
        {
            Number.Read(value, "");
            return null;
        }
        catch (ValueException)
        {
            return new Problem(name.Place, $"{name.Text} is {value}. Needed is {Number.Needed}.");
        }
    }

    private static YamlValue Scalar(Place place, long number) => new(place, YamlShape.Scalar) { Text = number.ToString(CultureInfo.InvariantCulture) };
}
