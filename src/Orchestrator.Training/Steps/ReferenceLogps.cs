using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Log-probabilities of completion tokens under the frozen reference. Live ones come from the same code on the same pack as the policy's, so that
/// equal weights give equal bits. Remembered ones are computed for each row by itself: they do not depend on who met the row, in which company.
/// </summary>
internal sealed class ReferenceLogps(ReferenceModel reference, int chunk, bool remember) : IDisposable
{
    private readonly Dictionary<(string Set, int Row), float[]> _known = [];

    /// <summary>Rows whose values are remembered.</summary>
    public int Remembered => _known.Count;

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

        return tensor(all.ToArray(), device: reference.Device).MoveToOuterDisposeScope();
    }

    /// <summary>The same of sequences that no row of a set is; never remembered.</summary>
    public Tensor Live(PackedBatch batch) => reference.Run(model => TrainStep.TokenLogps(model, batch, chunk));

    public void Dispose() => reference.Dispose();

    private float[] Known(PairSet set, int row)
    {
        if (!_known.TryGetValue((set.Name, row), out var values))
        {
            using var scope = NewDisposeScope();
            values = reference.Run(model => TrainStep.TokenLogps(model, set.Pack([row]), chunk)).cpu().data<float>().ToArray();
            _known.Add((set.Name, row), values);
        }

        return values;
    }
}
