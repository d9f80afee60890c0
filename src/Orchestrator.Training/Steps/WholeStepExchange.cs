using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Native;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// For objectives that look across all pairs of a step: before the leaves are trained, each rank computes the log-probabilities of its pairs without
/// gradient, and a small all-reduce gives all of them to all ranks, exactly.
/// </summary>
internal sealed class WholeStepExchange(ReplicaParts parts, int bucket)
{
    private readonly Dictionary<int, double[]> _leaves = [];
    private (long Step, LeafLogProbs Values)? _known;

    /// <summary>Does nothing where the step's values are known already: another attempt needs no second pass.</summary>
    public async Task GatherAsync(StepWork work, IGradientExchange exchange, DeviceThread device, CancellationToken cancellation)
    {
        if (_known?.Step == work.Id.Step)
        {
            return;
        }

        Forget();
        await device.Run(() => ComputeLeaves(work, cancellation), cancellation);
        var floats = (long)parts.Plan.PairsInStep(work.Id.Step) * WholeStepRow.Columns * ExactFloats.Parts;
        var (mine, sum) = (parts.Memory.Allocate("whole step, mine", floats), parts.Memory.Allocate("whole step, all", floats));
        try
        {
            foreach (var (leaf, values) in _leaves)
            {
                ExactFloats.Split(values, mine.Slice((long)leaf * parts.Plan.PairsPerLeaf * WholeStepRow.Columns * ExactFloats.Parts, (long)values.Length * ExactFloats.Parts).Span);
            }

            var ranks = Enumerable.Range(0, work.Deal.WorldSize).Select(rank => ImmutableArray.Create(new TreeNode(0, rank))).ToArray();
            exchange.OwnPartDone();
            await exchange.AllReduceAsync(work.Id, bucket, new CanonicalTree(ranks.Length), ranks, [mine], sum, cancellation);
            await device.Run(() => _known = (work.Id.Step, WholeStepRow.ToTensors(ExactFloats.Join(sum.Span), parts)), CancellationToken.None);
        }
        finally
        {
            parts.Memory.Release(mine);
            parts.Memory.Release(sum);
        }
    }

    public WholeStep Of(int leaf) => new(_known!.Value.Values.Policy, _known.Value.Values.Reference, (long)leaf * parts.Plan.PairsPerLeaf);

    /// <summary>On the device thread, or while nothing runs there.</summary>
    public void Forget()
    {
        _leaves.Clear();
        if (_known is { } known)
        {
            WholeStepRow.Dispose(known.Values);
        }

        _known = null;
    }

    private void ComputeLeaves(StepWork work, CancellationToken cancellation)
    {
        using var guard = no_grad();
        var step = parts.Step.Objective.Needs.Mismatched ? parts.Rows.Of(work.Id.Step) : [];
        foreach (var leaf in work.Deal.LeavesOf(work.Rank))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var rows = parts.Rows.Of(work.Id.Step, leaf);
            _leaves[leaf] = WholeStepRow.FromTensors(
                step.Length > 0 ? parts.Step.ForwardMismatched(parts.Train, step, leaf * parts.Plan.PairsPerLeaf, rows.Length) : parts.Step.Forward(parts.Train, rows.AsSpan()));
        }
    }
}

/// <summary>A pair's log-probabilities as a row of numbers: sum, tokens and aligned, of chosen and rejected, under policy and reference.</summary>
internal static class WholeStepRow
{
    public const int Columns = 12;

    public static double[] FromTensors(LeafLogProbs leaf)
    {
        using var scope = NewDisposeScope();
        var none = zeros_like(leaf.Policy.Chosen.Sum);
        IEnumerable<Tensor> Of(CompletionLogProbs? side) => side is null ? [none, none, none] : [side.Sum.detach(), side.Tokens, side.Aligned ?? none];
        var columns = new[] { leaf.Policy.Chosen, leaf.Policy.Rejected, leaf.Reference?.Chosen, leaf.Reference?.Rejected }.SelectMany(Of);
        return stack(columns, 1).cpu().flatten().data<double>().ToArray();
    }

    /// <param name="values">[pairs x Columns].</param>
    public static LeafLogProbs ToTensors(double[] values, ReplicaParts parts)
    {
        using var scope = NewDisposeScope();
        var needs = parts.Step.Objective.Needs;
        var all = tensor(values, device: parts.Policy.Device).view(-1, Columns);
        Tensor Column(int index) => all.select(1, index).contiguous().DetachFromDisposeScope();
        CompletionLogProbs Side(int first) => new(Column(first), Column(first + 1)) { Aligned = needs.Aligned && first < 6 ? Column(first + 2) : null };
        PairLogProbs Model(int first) => new(Side(first), needs.CompletionsPerRow == 2 ? Side(first + 3) : null);
        return new LeafLogProbs(Model(0), needs.Reference ? Model(6) : null, null);
    }

    public static void Dispose(LeafLogProbs values)
    {
        foreach (var side in new[] { values.Policy.Chosen, values.Policy.Rejected, values.Reference?.Chosen, values.Reference?.Rejected })
        {
            side?.Sum.Dispose();
            side?.Tokens.Dispose();
            side?.Aligned?.Dispose();
        }
    }
}
