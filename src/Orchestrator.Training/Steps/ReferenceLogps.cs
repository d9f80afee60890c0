using System.Collections.Immutable;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Log-probabilities of completion tokens under the frozen reference. Live ones come from the same code on the same pack as the policy's, so that
/// equal weights give equal bits. Remembered ones are computed for each row by itself: they do not depend on who met the row, in which company.
/// </summary>
/// <param name="load">Gives the reference; called when it is first needed. What it gives is disposed with this.</param>
/// <param name="device">Where the values are wanted.</param>
internal sealed class ReferenceLogps(Func<ReferenceModel> load, Device device, int chunk, bool remember) : IDisposable
{
    private readonly Dictionary<(string Set, int Row), float[]> _known = [];
    private ReferenceModel? _reference;

    /// <summary>Sets whose values also lie on disk.</summary>
    public ImmutableDictionary<string, ReferenceStore> Stores { get; init; } = ImmutableDictionary<string, ReferenceStore>.Empty;

    /// <summary>Brings the reference into memory now.</summary>
    public ReferenceModel Load() => _reference ??= load();

    /// <returns>[tokens] fp32, in the batch's order; without gradient.</returns>
    public Tensor Of(PairSet set, ReadOnlySpan<int> rows, PackedBatch batch)
    {
        using var scope = NewDisposeScope();
        if (!remember)
        {
            return Live(batch).MoveToOuterDisposeScope();
        }

        var all = new List<float>();
        foreach (var row in rows)
        {
            all.AddRange(Known(set, row));
        }

        return tensor(all.ToArray(), device: device).MoveToOuterDisposeScope();
    }

    /// <summary>The same of sequences that no row of a set is; never remembered.</summary>
    public Tensor Live(PackedBatch batch) => Load().Run(model => TrainStep.TokenLogps(model, batch, chunk));

    public void Dispose()
    {
        _reference?.Dispose();
        foreach (var store in Stores.Values)
        {
            store.Dispose();
        }
    }

    private float[] Known(PairSet set, int row)
    {
        if (_known.TryGetValue((set.Name, row), out var values))
        {
            return values;
        }

        var store = Stores.GetValueOrDefault(set.Name);
        values = store?.Find(row) is { } found && found.Length == TokensOf(set, row) ? found : null;
        if (values is null)
        {
            using var scope = NewDisposeScope();
            values = Live(set.Pack([row])).cpu().data<float>().ToArray();
            store?.Add(row, values);
        }

        _known.Add((set.Name, row), values);
        return values;
    }

    private static int TokensOf(PairSet set, int row)
    {
        var pair = set.Pairs[row];
        return pair.Chosen.Length + pair.Rejected.Length;
    }
}
