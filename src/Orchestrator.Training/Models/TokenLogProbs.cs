using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Log-probabilities of given next tokens, from hidden states: log p(y) = z_y - log Σ_v e^{z_v} with z = the model's logits, in fp32. Logits are
/// made for a chunk of rows at a time, and made again in backward where they were not kept: [tokens, vocabulary] never stands in memory.
/// </summary>
public static class TokenLogProbs
{
    /// <param name="model">Gives the head: weight, bias and final soft cap.</param>
    /// <param name="hidden">[tokens, hidden], as <see cref="CausalLM.Hidden(PackedTokens, Action{int}?)"/> gives it.</param>
    /// <param name="at">Rows of <paramref name="hidden"/>; a row may stand more than once.</param>
    /// <param name="targets">The token that follows at[i].</param>
    /// <param name="chunk">Rows whose logits are in memory at once; changes memory and speed, and results only by rounding.</param>
    /// <param name="greedy">Where given, [targets] fp32 that receives 1 where the target is the model's first choice, else 0.</param>
    /// <param name="aligned">Where given, [targets] fp32 that receives log p(y) - log Σ_v p(v)²: how likely the target is, against what sampling gives on average.</param>
    /// <param name="keepBytes">Memory for rows of the softmax that backward then need not compute again; changes results only by rounding.</param>
    /// <returns>[targets] fp32, nats, at most 0; carries gradient to the hidden states and the head where they need it.</returns>
    /// <exception cref="ArgumentException">Lengths differ, or a row or a token is out of range.</exception>
    public static Tensor Of(CausalLM model, Tensor hidden, ReadOnlySpan<long> at, ReadOnlySpan<long> targets, int chunk = 256, Tensor? greedy = null, Tensor? aligned = null, long keepBytes = 0)
    {
        Check(model, hidden, at, targets, chunk);
        using var scope = NewDisposeScope();
        var rows = hidden.index_select(0, tensor(at.ToArray(), device: hidden.device));
        var ids = tensor(targets.ToArray(), device: hidden.device).unsqueeze(1);
        var head = new HeadPass(model.HeadBias is not null, model.Spec.LogitSoftCap, chunk, model.Compute) { Greedy = greedy, Aligned = aligned, KeepBytes = keepBytes };
        var (weight, bias) = (model.HeadWeight, model.HeadBias);
        var graph = is_grad_enabled() && (rows.requires_grad || weight.requires_grad || bias?.requires_grad == true);
        var logps = graph ? BackwardPass.Apply(() => LogProbFunction.apply(rows, weight, bias!, ids, head)) : head.Forward(rows, weight, bias, ids).LogProbs;
        return logps.MoveToOuterDisposeScope();
    }

    private static void Check(CausalLM model, Tensor hidden, ReadOnlySpan<long> at, ReadOnlySpan<long> targets, int chunk)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        if (hidden.dim() != 2 || hidden.size(1) != model.Spec.Hidden || at.Length != targets.Length || at.IsEmpty)
        {
            throw new ArgumentException(
                $"Hidden states are [{string.Join(", ", hidden.shape)}] with {at.Length} rows and {targets.Length} targets; needed are [tokens, {model.Spec.Hidden}] and a row for each of one or more targets.");
        }

        var tokens = hidden.size(0);
        for (var i = 0; i < at.Length; i++)
        {
            if (at[i] < 0 || at[i] >= tokens || targets[i] < 0 || targets[i] >= model.Spec.Vocabulary)
            {
                throw new ArgumentException($"Target {i} is token {targets[i]} after row {at[i]}; there are {tokens} rows, and the model's vocabulary has {model.Spec.Vocabulary} tokens.");
            }
        }
    }
}

/// <summary>The graph's node: keeps the hidden rows, the head and one log-sum-exp a row; backward makes the rest again.</summary>
internal sealed class LogProbFunction : autograd.SingleTensorFunction<LogProbFunction>
{
    public override string Name => nameof(LogProbFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (rows, weight, bias, ids, head) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor?)vars[2], (Tensor)vars[3], (HeadPass)vars[4]);
        var (logps, normalizer) = head.Forward(rows, weight, bias, ids, graph: true);
        BackwardPass.Register(ctx);
        ctx.save_for_backward([rows, weight, bias!, ids, normalizer]);
        ctx.save_data(nameof(HeadPass), head);
        return logps;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var head = (HeadPass)ctx.get_data(nameof(HeadPass));
        return BackwardPass.Of(ctx).Guard(5, () =>
        {
            var saved = ctx.get_saved_variables();
            var (rows, weight, bias) = head.Backward(saved[0], saved[1], head.Biased ? saved[2] : null, saved[3], saved[4], grad_output);
            return [rows, weight, bias, null, null];
        });
    }
}
