using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// The head and the log-softmax over it, chunk by chunk. With z = h Wᵀ + b, c = cap·tanh(z / cap) (or z), p = softmax(c):
/// log p(y) = c_y - lse(c), and d log p(y) / dz = (1[v = y] - p_v) · (1 - (c_v / cap)²).
/// </summary>
/// <param name="biased">Whether the head has a bias.</param>
/// <param name="cap">Gemma 2's final soft cap, or null.</param>
/// <param name="chunk">Rows at once.</param>
/// <param name="compute">Type of the matrix products; all else, and what is returned, is fp32.</param>
internal sealed class HeadPass(bool biased, double? cap, int chunk, ScalarType compute)
{
    public bool Biased => biased;

    public BackwardPass Pass { get; } = BackwardPass.Current;

    /// <summary>[rows] fp32 that receives 1 where the target has the largest logit.</summary>
    public Tensor? Greedy { get; init; }

    /// <summary>[rows] fp32 that receives log p(y) - log Σ_v p(v)².</summary>
    public Tensor? Aligned { get; init; }

    /// <param name="ids">[rows, 1], int64.</param>
    /// <returns>Log-probabilities and log-sum-exps, [rows] fp32 each.</returns>
    public (Tensor LogProbs, Tensor Normalizer) Forward(Tensor rows, Tensor weight, Tensor? bias, Tensor ids)
    {
        var count = rows.size(0);
        using var outer = NewDisposeScope();
        (weight, bias) = (weight.to(compute), bias?.to(compute));
        var (all, normalizer) = (empty([count], ScalarType.Float32, rows.device), empty([count], ScalarType.Float32, rows.device));
        for (var start = 0L; start < count; start += chunk)
        {
            using var scope = NewDisposeScope();
            var size = Math.Min(chunk, count - start);
            var logits = Logits(rows.narrow(0, start, size), weight, bias);
            var chosen = logits.gather(1, ids.narrow(0, start, size));
            var largest = logits.amax([1L], keepdim: true);
            var logSum = logits.sub_(largest).exp_().sum([1L], keepdim: true).log_();
            var logps = chosen.sub(largest).sub_(logSum).squeeze(1);
            all.narrow(0, start, size).copy_(logps);
            normalizer.narrow(0, start, size).copy_(logSum.add(largest).squeeze(1));
            Greedy?.narrow(0, start, size).copy_(chosen.ge(largest).squeeze(1));
            Aligned?.narrow(0, start, size).copy_(logps - 2 * (linalg.vector_norm(logits, 2, [1L]).log() - logSum.squeeze(1)));
        }

        return (all.MoveToOuterDisposeScope(), normalizer.MoveToOuterDisposeScope());
    }

    /// <param name="normalizer">[rows], as forward returned it.</param>
    /// <param name="gradient">[rows], of the log-probabilities.</param>
    /// <returns>Gradients of the rows, the weight and the bias; null where none is needed, or where it is in the weight's own .grad already.</returns>
    public (Tensor? Rows, Tensor? Weight, Tensor? Bias) Backward(Tensor rows, Tensor weight, Tensor? bias, Tensor ids, Tensor normalizer, Tensor gradient)
    {
        var count = rows.size(0);
        var rowGradient = rows.requires_grad ? empty_like(rows) : null;
        var weightGradient = WeightGradient.Of(weight);
        var (matrix, offset) = (weight.to(compute), bias?.to(compute));
        var biasGradient = WeightGradient.Of(bias);
        for (var start = 0L; start < count; start += chunk)
        {
            using var scope = NewDisposeScope();
            var size = Math.Min(chunk, count - start);
            var part = rows.narrow(0, start, size).to(compute);
            var slope = LogitGradient(Logits(part, matrix, offset), ids.narrow(0, start, size), normalizer.narrow(0, start, size), gradient.narrow(0, start, size));
            biasGradient.Sum?.add_(slope.sum([0L]));
            slope = slope.to(compute);
            rowGradient?.narrow(0, start, size).copy_(slope.mm(matrix));
            AddProduct(weightGradient.Sum, slope.t(), part);
        }

        return (rowGradient, weightGradient.Returned, biasGradient.Returned);
    }

    private void AddProduct(Tensor? sum, Tensor left, Tensor right)
    {
        if (compute == ScalarType.Float32)
        {
            sum?.addmm_(left, right);
        }
        else
        {
            sum?.add_(left.mm(right));
        }
    }

    private Tensor Logits(Tensor rows, Tensor weight, Tensor? bias)
    {
        var logits = nn.functional.linear(rows.to(compute), weight, bias).to(ScalarType.Float32);
        return cap is { } most ? logits.div_(most).tanh_().mul_(most) : logits;
    }

    /// <summary>The gradient of the logits before the soft cap, in the capped logits' own memory.</summary>
    private Tensor LogitGradient(Tensor logits, Tensor ids, Tensor normalizer, Tensor gradient)
    {
        var column = gradient.unsqueeze(1);
        var damping = cap is { } most ? logits.div(most).pow_(2).neg_().add_(1) : null;
        var slope = logits.sub_(normalizer.unsqueeze(1)).exp_().mul_(column.neg()).scatter_add_(1, ids, column);
        return damping is null ? slope : slope.mul_(damping);
    }
}
