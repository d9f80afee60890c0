using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Log-probabilities of completion tokens under the frozen reference. Live ones come from the same code on the same pack as the policy's, so that
/// equal weights give equal bits. Remembered ones are computed for each row by itself: they do not depend on who met the row, in which company.
/// </summary>
/// <param name="load">Gives the reference; called when it is first needed, and again after <see cref="Finish"/>. What it gives is disposed with this.</param>
/// <param name="device">Where the values are wanted.</param>
/// <param name="values">Where they are remembered; disposed with this. null: they are not.</param>
internal sealed class ReferenceLogps(Func<ReferenceModel> load, Device device, int chunk, ReferenceValues? values) : IDisposable
{
    private ReferenceModel? _reference;
    private bool _finished;

    /// <summary>null: every value is computed live.</summary>
    public ReferenceValues? Values => values;

    /// <summary>The reference is in memory.</summary>
    public bool IsLoaded => _reference is not null;

    /// <summary>Sets whose values also lie on disk.</summary>
    public ImmutableDictionary<string, ReferenceStore> Stores { get; set; } = ImmutableDictionary<string, ReferenceStore>.Empty;

    /// <summary>Brings the reference into memory now.</summary>
    public ReferenceModel Load() => _reference ??= load();

    /// <summary>Every value is known here: the disk is not asked any more, and the reference's memory is let go.</summary>
    /// <param name="keepModel">It is still needed for sequences that are no rows.</param>
    public void Finish(bool keepModel)
    {
        CloseStores();
        _finished = !keepModel;
        ReleaseIfFinished();
    }

    /// <summary>After a use of the reference that has nothing to do with rows.</summary>
    public void ReleaseIfFinished()
    {
        if (_finished && _reference is { } reference)
        {
            _reference = null;
            reference.Dispose();
            NativeHeap.Trim();
        }
    }

    /// <returns>[tokens] fp32, in the batch's order; without gradient.</returns>
    public Tensor Of(PairSet set, ReadOnlySpan<int> rows, PackedBatch batch)
    {
        using var scope = NewDisposeScope();
        if (values is null)
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

    /// <summary>Values of a row, from memory, from disk or computed; from then on remembered where the run visits the row.</summary>
    public ReadOnlySpan<float> Known(PairSet set, int row)
    {
        var place = values!.PlaceOf(set, row);
        if (place is { } known && (ReferenceValues.IsKnown(known) || LookUp(set, row, known)))
        {
            return known.Span;
        }

        using var scope = NewDisposeScope();
        var computed = Live(set.Pack([row])).cpu().data<float>().ToArray();
        Stores.GetValueOrDefault(set.Name)?.Add(row, computed);
        if (place is { } empty)
        {
            computed.CopyTo(empty.Span);
        }

        return computed;
    }

    /// <summary>Takes all that lies on disk.</summary>
    /// <returns>Of each row of <see cref="Values"/>, whether it is known.</returns>
    public bool[] TakeFromDisk()
    {
        foreach (var store in Stores.Values)
        {
            store.Refresh();
        }

        var known = new bool[values!.Count];
        for (var place = 0; place < known.Length; place++)
        {
            var (set, row) = values.At(place);
            var here = values.PlaceOf(set, row)!.Value;
            known[place] = ReferenceValues.IsKnown(here) || (Stores.GetValueOrDefault(set.Name)?.Has(row) == true && LookUp(set, row, here));
        }

        return known;
    }

    /// <summary>Takes a row from disk where it lies there.</summary>
    private bool LookUp(PairSet set, int row, FloatBuffer place)
    {
        if (Stores.GetValueOrDefault(set.Name)?.Find(row) is not { } found || found.Length != place.Length)
        {
            return false;
        }

        found.CopyTo(place.Span);
        return true;
    }

    public void Dispose()
    {
        _reference?.Dispose();
        values?.Dispose();
        CloseStores();
    }

    private void CloseStores()
    {
        foreach (var store in Stores.Values)
        {
            store.Dispose();
        }

        Stores = Stores.Clear();
    }
}
