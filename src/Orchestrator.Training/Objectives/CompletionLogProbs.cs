using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>What a model says of completions, given their prompts: everything an objective may depend on.</summary>
/// <param name="Sum">[completions] fp64, nats: log-probability of the whole completion, its end token included.</param>
/// <param name="Tokens">[completions] fp64: tokens counted in the sum. Carries no gradient.</param>
public sealed record CompletionLogProbs(Tensor Sum, Tensor Tokens)
{
    /// <summary>[completions] fp64, nats per token; 0 for a completion without tokens.</summary>
    public Tensor Mean => Sum / Tokens.clamp(min: 1);

    /// <summary>
    /// [completions] fp64: mean over tokens of log p(y) - log Σ_v p(v)², where the objective's <see cref="ObjectiveNeeds.Aligned"/> asks for it
    /// (WPO weights). Carries no gradient.
    /// </summary>
    public Tensor? Aligned { get; init; }

    /// <summary>
    /// [completions] fp64, nats: Σ log(1 - p(token)), where the objective's <see cref="ObjectiveNeeds.Complement"/> asks for it. Carries gradient
    /// where the sum does.
    /// </summary>
    public Tensor? Complement { get; init; }

    /// <summary>Completions <paramref name="start"/> to start + count.</summary>
    public CompletionLogProbs Slice(long start, long count) => new(Sum.narrow(0, start, count), Tokens.narrow(0, start, count))
    {
        Aligned = Aligned?.narrow(0, start, count),
        Complement = Complement?.narrow(0, start, count),
    };

    /// <summary>The completions of all parts, one part after the other.</summary>
    public static CompletionLogProbs Concat(IReadOnlyCollection<CompletionLogProbs> parts)
    {
        Tensor Of(Func<CompletionLogProbs, Tensor> value) => cat([.. parts.Select(value)]);
        var first = parts.First();
        return new(Of(part => part.Sum), Of(part => part.Tokens))
        {
            Aligned = first.Aligned is null ? null : Of(part => part.Aligned!),
            Complement = first.Complement is null ? null : Of(part => part.Complement!),
        };
    }

    /// <summary>The same numbers without gradient.</summary>
    public CompletionLogProbs Detach() => this with { Sum = Sum.detach(), Complement = Complement?.detach() };
}

/// <summary>The two completions of each pair.</summary>
/// <param name="Rejected">Null where a row has one completion (SFT).</param>
public sealed record PairLogProbs(CompletionLogProbs Chosen, CompletionLogProbs? Rejected)
{
    /// <summary>[rows] fp64: 1 where a row's one completion is desirable, 0 where it is not; null where rows bear no label.</summary>
    public Tensor? Desirable { get; init; }

    /// <summary>
    /// [pairs] fp64, in units of the data's rewards: how much better than the rejected answer the data says the chosen one is, where the objective's
    /// <see cref="ObjectiveNeeds.RewardMargins"/> asks for it.
    /// </summary>
    public Tensor? RewardMargin { get; init; }

    public long Count => Chosen.Sum.size(0);

    public PairLogProbs Slice(long start, long count) =>
        new(Chosen.Slice(start, count), Rejected?.Slice(start, count)) { Desirable = Desirable?.narrow(0, start, count), RewardMargin = RewardMargin?.narrow(0, start, count) };

    /// <summary>The rows of all parts, one part after the other.</summary>
    public static PairLogProbs Concat(IReadOnlyCollection<PairLogProbs> parts)
    {
        var first = parts.First();
        return new(CompletionLogProbs.Concat([.. parts.Select(part => part.Chosen)]), first.Rejected is null ? null : CompletionLogProbs.Concat([.. parts.Select(part => part.Rejected!)]))
        {
            Desirable = first.Desirable is null ? null : cat([.. parts.Select(part => part.Desirable!)]),
            RewardMargin = first.RewardMargin is null ? null : cat([.. parts.Select(part => part.RewardMargin!)]),
        };
    }

    public PairLogProbs Detach() => this with { Chosen = Chosen.Detach(), Rejected = Rejected?.Detach() };
}
