using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training;

/// <summary>
/// What happens to one leaf: its rows laid end to end, log-probabilities under reference and policy, the objective, and backward. The loss is a
/// sum over the leaf's rows; gradients are added to whatever the parameters' gradients hold. Belongs to one device thread.
/// </summary>
public sealed class TrainStep : IDisposable
{
    private readonly CausalLM _policy;
    private readonly ReferenceLogps? _reference;
    private readonly int _chunk;
    private readonly Timeline _timeline;
    private readonly long _keep;

    /// <param name="policy">Not disposed here.</param>
    /// <param name="reference">Disposed with this. Null where the objective needs none.</param>
    /// <param name="chunk">Rows whose logits are in memory at once.</param>
    /// <param name="keepBytes">Of rows of the softmax that are kept from forward to backward.</param>
    /// <param name="timeline">Is told how long each phase took.</param>
    internal TrainStep(CausalLM policy, ReferenceLogps? reference, IObjective objective, int chunk, long keepBytes, Timeline timeline)
    {
        ArgumentNullException.ThrowIfNull(objective);
        if (objective.Needs.Reference && reference is null)
        {
            throw new ArgumentException($"The objective {objective.Name} compares with a reference model, and none is given.", nameof(reference));
        }

        (_policy, _reference, Objective, _chunk, _keep, _timeline) = (policy, reference, objective, chunk, keepBytes, timeline);
    }

    public IObjective Objective { get; }

    /// <summary>Tokens of a sequence at most, where the step makes sequences that the data does not hold; the model's own limit holds too.</summary>
    public int LongestSequence { get; init; } = int.MaxValue;

    /// <summary>null where the objective needs none.</summary>
    internal ReferenceModel? ReferenceModel => _reference?.Load();

    /// <summary>Forward and backward.</summary>
    /// <param name="rows">Of the set.</param>
    /// <param name="step">The step to which the leaf belongs.</param>
    /// <param name="packed">The rows as <see cref="PairSet"/> packs them; null: they are packed here.</param>
    /// <param name="reached">Told how far backward has come: see <see cref="BackwardOrder"/>.</param>
    /// <returns>The leaf's metric sums, in the same order for every leaf.</returns>
    public ImmutableArray<MetricSum> Train(PairSet set, ImmutableArray<int> rows, StepView step, PackedBatch? packed = null, Action<int>? reached = null)
    {
        using var scope = NewDisposeScope();
        var leaf = Forward(set, rows.AsSpan(), packed, reached);
        var result = Objective.Compute(leaf.Policy, leaf.Reference, step);
        FaultPoint.Reach(FaultPoint.Backward);
        using (_timeline.Span("backward"))
        {
            BackwardPass.Run(result.Loss.sum());
        }

        using var measuring = _timeline.Span("metrics");
        return LeafMetrics.Of(Objective.Needs, leaf, result, set.TokensOf(rows.AsSpan()));
    }

    /// <summary>Forward and backward of the policy over some rows, for nothing: the sum of their log-probabilities is differentiated.</summary>
    public void WarmUp(PairSet set, ImmutableArray<int> rows)
    {
        using var scope = NewDisposeScope();
        BackwardPass.Run(TokenLogps(_policy, set.Pack(rows.AsSpan()), _chunk, keepBytes: _keep).sum());
    }

    /// <summary>Forward only; the leaf is a step by itself.</summary>
    /// <param name="rows">Of the set, one after the other.</param>
    /// <param name="atOnce">Rows of one forward.</param>
    public ImmutableArray<MetricSum> Evaluate(PairSet set, ImmutableArray<int> rows, int atOnce)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        LeafLogProbs InPieces(Func<int, int, LeafLogProbs> of) => LeafLogProbs.Concat(
            [.. Enumerable.Range(0, (rows.Length + atOnce - 1) / atOnce).Select(piece => of(piece * atOnce, Math.Min(atOnce, rows.Length - piece * atOnce)))]);
        var leaf = InPieces((first, count) => Forward(set, rows.AsSpan(first, count)));
        var view = StepView.Alone(leaf.Policy, leaf.Reference);
        if (Objective.Needs.Mismatched)
        {
            // Neighbours in the set, so that a leaf of one row has one too.
            var other = InPieces((first, count) => ForwardMismatched(set, set.All, rows[first], count));
            view = view with { Whole = new WholeStep(other.Policy, other.Reference, 0) };
        }

        var result = Objective.Compute(leaf.Policy, leaf.Reference, view);
        return LeafMetrics.Of(Objective.Needs, leaf, result, set.TokensOf(rows.AsSpan()));
    }

    /// <summary>Policy and reference of some rows, in the caller's dispose scope; what the policy's carries of gradient is the caller's choice.</summary>
    internal LeafLogProbs Forward(PairSet set, ReadOnlySpan<int> rows, PackedBatch? packed = null, Action<int>? reached = null)
    {
        var needs = Objective.Needs;
        var batch = packed ?? set.Pack(rows);
        var reference = needs.Reference ? Reference(set, rows, batch) : null;
        FaultPoint.Reach(FaultPoint.Forward);
        Tensor? PerToken(bool wanted) => wanted ? zeros(batch.Targets.Length, device: _policy.Device) : null;
        var (firstChoice, aligned) = (PerToken(needs is { CompletionsPerRow: 1, Labels: false }), PerToken(needs.Aligned));
        var policy = Complete(needs, TokenLogps(_policy, batch, _chunk, firstChoice, aligned, _keep, _timeline, reached), batch.Lengths, aligned);
        return new LeafLogProbs(
            policy with
            {
                Desirable = needs.Labels ? tensor(set.Labels(rows), device: _policy.Device) : null,
                RewardMargin = needs.RewardMargins ? tensor(set.RewardMargins(rows), device: _policy.Device) : null,
            },
            reference,
            firstChoice);
    }

    /// <summary>The same of prompts with answers of other prompts, without gradient.</summary>
    /// <param name="order">Rows among which answers are exchanged; those wanted stand from <paramref name="first"/> on.</param>
    internal LeafLogProbs ForwardMismatched(PairSet set, IReadOnlyList<int> order, int first, int count)
    {
        using var guard = no_grad();
        var longest = _policy.Spec.PositionEmbedding is null ? LongestSequence : Math.Min(LongestSequence, _policy.Spec.MaxPositions);
        var batch = new Mismatch(set, order, longest).Pack(first, count, out var alone);
        PairLogProbs Of(Func<Tensor> tokens) => Mismatch.Spread(batch.Count == 0 ? null : CompletionSums.OfSingles(tokens(), batch.Lengths), alone, _policy.Device);
        return new LeafLogProbs(Of(() => TokenLogps(_policy, batch, _chunk)), Of(() => _reference!.Live(batch)), null);
    }

    private PairLogProbs Reference(PairSet set, ReadOnlySpan<int> rows, PackedBatch batch)
    {
        using var span = _timeline.Span("reference");
        return Complete(Objective.Needs, _reference!.Of(set, rows, batch), batch.Lengths);
    }

    /// <summary>[tokens] fp32: log-probability of every completion token, completion by completion.</summary>
    internal static Tensor TokenLogps(
        CausalLM model, PackedBatch batch, int chunk, Tensor? firstChoice = null, Tensor? aligned = null, long keepBytes = 0, Timeline? timeline = null, Action<int>? reached = null)
    {
        using var scope = NewDisposeScope();
        var hidden = Hidden(model, batch, timeline ?? Timeline.Off, reached);
        using var span = (timeline ?? Timeline.Off).Span("policy_logprob");
        return TokenLogProbs.Of(model, hidden, batch.At, batch.Targets, chunk, firstChoice, aligned, keepBytes).MoveToOuterDisposeScope();
    }

    private static Tensor Hidden(CausalLM model, PackedBatch batch, Timeline timeline, Action<int>? reached)
    {
        using var span = timeline.Span("policy_forward");
        return model.Hidden(batch.Tokens, reached);
    }

    /// <summary>From tokens to completions, as the objective counts them.</summary>
    internal static PairLogProbs Complete(ObjectiveNeeds needs, Tensor tokens, int[] lengths, Tensor? aligned = null) => needs.CompletionsPerRow == 2
        ? CompletionSums.OfPairs(tokens, lengths, needs.LengthAlpha, aligned, needs.Complement)
        : CompletionSums.OfSingles(tokens, lengths);

    public void Dispose() => _reference?.Dispose();
}

/// <summary>What the two models say of a leaf's rows.</summary>
/// <param name="FirstChoice">[tokens], 1 where the policy's first choice is the token; only for one completion a row.</param>
internal sealed record LeafLogProbs(PairLogProbs Policy, PairLogProbs? Reference, Tensor? FirstChoice)
{
    /// <summary>The rows of all parts, one part after the other.</summary>
    public static LeafLogProbs Concat(IReadOnlyList<LeafLogProbs> parts) => parts.Count == 1 ? parts[0] : new(
        PairLogProbs.Concat([.. parts.Select(part => part.Policy)]),
        parts[0].Reference is null ? null : PairLogProbs.Concat([.. parts.Select(part => part.Reference!)]),
        parts[0].FirstChoice is null ? null : cat([.. parts.Select(part => part.FirstChoice!)]));
}
