using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>
/// Kahneman-Tversky optimization: single answers, each desirable or not, judged against how far the policy has moved from the reference on average.
/// </summary>
/// <remarks>Ethayarajh et al. 2024, arXiv:2402.01306, Eq. 8; β is its β, w its λ.</remarks>
internal sealed class Kto(ObjectiveOptions options) : IObjective
{
    public string Name => "kto";

    public ObjectiveNeeds Needs { get; } = new() { Reference = true, CompletionsPerRow = 1, Labels = true, WholeStep = true, Mismatched = true };

    /// <summary>
    /// Desirable: w(1 - σ(β(a - z))); undesirable: w'(1 - σ(β(z - a))), with a = log π/π_ref of the row and z = <see cref="Divergence"/> of the step,
    /// a constant.
    /// </summary>
    public ObjectiveResult Compute(PairLogProbs policy, PairLogProbs? reference, StepView step)
    {
        var (desirable, frozen, whole) = Given(policy, reference, step);
        using var scope = NewDisposeScope();
        var divergence = Divergence(whole);
        var ratio = policy.Chosen.Sum - frozen.Chosen.Sum;
        var direction = 2 * desirable - 1;
        var weight = options.UndesirableWeight + (options.DesirableWeight - options.UndesirableWeight) * desirable;
        var loss = weight * sigmoid(direction * options.Beta * (divergence - ratio)); // 1 - σ(x) = σ(-x), exact where σ(x) rounds to 1
        return new ObjectiveResult(loss.MoveToOuterDisposeScope(), (options.Beta * ratio.detach()).MoveToOuterDisposeScope()) { Divergence = divergence };
    }

    /// <summary>
    /// z = max(0, mean over the step's rows of log π/π_ref of an answer that belongs to another prompt): an estimate of KL(π || π_ref) in nats an
    /// answer; 0 where no row has another prompt.
    /// </summary>
    /// <param name="mismatched">Rows without such an answer have 0 tokens.</param>
    public static double Divergence(WholeStep mismatched)
    {
        // Added on the host, in the step's order: the same bits on every device and for every leaf.
        static double[] Host(Tensor values) => values.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        using var scope = NewDisposeScope();
        var (policy, reference, tokens) = (Host(mismatched.Policy.Chosen.Sum), Host(mismatched.Reference!.Chosen.Sum), Host(mismatched.Policy.Chosen.Tokens));
        var (sum, rows) = (0.0, 0);
        for (var row = 0; row < tokens.Length; row++)
        {
            (sum, rows) = tokens[row] > 0 ? (sum + (policy[row] - reference[row]), rows + 1) : (sum, rows);
        }

        return rows == 0 ? 0 : Math.Max(0, sum / rows);
    }

    private static (Tensor Desirable, PairLogProbs Reference, WholeStep Whole) Given(PairLogProbs policy, PairLogProbs? reference, StepView step) =>
        policy.Rejected is not null || policy.Desirable is null ? throw new ArgumentException("Loss kto judges single answers by their labels, and pairs, or rows without labels, were given.")
        : reference is null ? throw new ArgumentException("Loss kto needs log-probabilities of a reference.")
        : reference.Count != policy.Count ? throw new ArgumentException($"The policy's log-probabilities are of {policy.Count} rows, the reference's of {reference.Count}.")
        : step.Whole?.Reference is null ? throw new ArgumentException("Loss kto compares with answers to other prompts over all rows of a step, and their log-probabilities were not given.")
        : (policy.Desirable, reference, step.Whole);
}
