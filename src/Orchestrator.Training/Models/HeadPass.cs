using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// The head and the log-softmax over it, chunk by chunk. With z = h Wᵀ + b, c = cap·tanh(z / cap) (or z), p = softmax(c):
/// log p(y) = c_y - lse(c), and d log p(y) / dz = (1[v = y] - p_v) · (1 - (c_v / cap)²).
/// Matrix products see a chunk of rows; all between them is done for the few rows that fit into the processor's cache.
/// </summary>
/// <param name="biased">Whether the head has a bias.</param>
/// <param name="cap">Gemma 2's final soft cap, or null.</param>
/// <param name="chunk">Rows at once.</param>
/// <param name="compute">Type of the matrix products; all else, and what is returned, is fp32.</param>
internal sealed class HeadPass(bool biased, double? cap, int chunk, ScalarType compute)
{
    private const long CacheElements = 1 << 19;
    private readonly HeadBuffers _buffers = HeadBuffers.Current;
    private HeadRows? _kept;

    public bool Biased => biased;

    /// <summary>[rows] fp32 that receives 1 where the target has the largest logit.</summary>
    public Tensor? Greedy { get; init; }

    /// <summary>[rows] fp32 that receives log p(y) - log Σ_v p(v)².</summary>
    public Tensor? Aligned { get; init; }

    /// <summary>Memory for what backward would else compute a second time: as many rows of the softmax as fit are kept.</summary>
    public long KeepBytes { get; init; }

    /// <param name="ids">[rows, 1], int64.</param>
    /// <param name="graph">Backward will follow.</param>
    /// <returns>Log-probabilities and log-sum-exps, [rows] fp32 each.</returns>
    public (Tensor LogProbs, Tensor Normalizer) Forward(Tensor rows, Tensor weight, Tensor? bias, Tensor ids, bool graph = false)
    {
        var (count, vocabulary) = (rows.size(0), weight.size(0));
        using var outer = NewDisposeScope();
        using var cast = RoomFor(weight);
        var (input, matrix, offset) = (rows.to(compute), Cast(weight, cast), bias?.to(compute));
        var (logps, normalizer) = (empty([count], ScalarType.Float32, rows.device), empty([count], ScalarType.Float32, rows.device));
        var keep = graph && cap is null ? Math.Min(count, KeepBytes / (vocabulary * (compute == ScalarType.Float32 ? 4 : 2))) : 0;
        _kept = keep > 0 ? new HeadRows(_buffers, keep, vocabulary, compute, rows.device) : null;
        using var passing = new HeadRows(_buffers, keep < count ? Math.Min(chunk, count - keep) : 0, vocabulary, compute, rows.device);
        using var scratch = ScratchFor(vocabulary, rows.device);
        for (long start = 0, size; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            size = Math.Min(chunk, (start < keep ? keep : count) - start);
            var logits = start < keep ? _kept!.Logits.narrow(0, start, size) : passing.Logits.narrow(0, 0, size);
            Multiply(logits, input.narrow(0, start, size), matrix, offset);
            var chosen = Cap(logits.gather(1, ids.narrow(0, start, size)).to(ScalarType.Float32));
            var (largest, sum, squares) = Exponentiate(logits, scratch, start < keep);
            var logSum = sum.log();
            var values = (chosen - largest).sub_(logSum).squeeze(1);
            logps.narrow(0, start, size).copy_(values);
            normalizer.narrow(0, start, size).copy_(logSum.add(largest).squeeze(1));
            if (start < keep)
            {
                _kept!.Sums.narrow(0, start, size).copy_(sum);
            }

            Greedy?.narrow(0, start, size).copy_(chosen.ge(largest).squeeze(1));
            Aligned?.narrow(0, start, size).copy_(values - 2 * (squares!.log() - logSum).squeeze(1));
        }

        return (logps.MoveToOuterDisposeScope(), normalizer.MoveToOuterDisposeScope());
    }

    /// <param name="normalizer">[rows], as forward returned it.</param>
    /// <param name="gradient">[rows], of the log-probabilities.</param>
    /// <returns>Gradients of the rows, the weight and the bias; null where none is needed, or where it is in the weight's own .grad already.</returns>
    public (Tensor? Rows, Tensor? Weight, Tensor? Bias) Backward(Tensor rows, Tensor weight, Tensor? bias, Tensor ids, Tensor normalizer, Tensor gradient)
    {
        var (count, vocabulary) = (rows.size(0), weight.size(0));
        var rowGradient = rows.requires_grad ? empty_like(rows) : null;
        var weightGradient = WeightGradient.Of(weight);
        using var cast = RoomFor(weight);
        using var product = weightGradient.Sum is null ? null : RoomFor(weight);
        var (input, matrix, offset) = (rows.to(compute), Cast(weight, cast), bias?.to(compute));
        var biasGradient = WeightGradient.Of(bias);
        var keep = _kept?.Count ?? 0;
        using var passing = new HeadRows(_buffers, Math.Min(chunk, count - keep), vocabulary, compute, rows.device);
        using var scratch = ScratchFor(vocabulary, rows.device);
        for (long start = 0, size; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            size = start < keep ? keep : Math.Min(chunk, count - start);
            var part = input.narrow(0, start, size);
            var slope = start < keep ? _kept!.Logits : passing.Logits.narrow(0, 0, size);
            if (start >= keep)
            {
                Multiply(slope, part, matrix, offset);
            }

            var column = gradient.narrow(0, start, size).unsqueeze(1);
            Differentiate(slope, start < keep ? _kept!.Sums : null, ids.narrow(0, start, size), normalizer.narrow(0, start, size).unsqueeze(1), column, scratch, biasGradient.Sum);
            rowGradient?.narrow(0, start, size).copy_(slope.mm(matrix));
            AddProduct(weightGradient.Sum, slope.t(), part, product);
        }

        _kept?.Dispose();
        _kept = null;
        return (rowGradient, weightGradient.Returned, biasGradient.Returned);
    }

    /// <summary>From logits to e^(c - largest c), row by row; written back only where it is kept.</summary>
    /// <returns>Largest, sum and, where asked for, root of the sum of squares: [rows, 1] each.</returns>
    private (Tensor Largest, Tensor Sum, Tensor? Norm) Exponentiate(Tensor logits, HeadRows scratch, bool kept)
    {
        var count = logits.size(0);
        var (largest, sum) = (empty([count, 1], ScalarType.Float32, logits.device), empty([count, 1], ScalarType.Float32, logits.device));
        if (cap is null && Aligned is null && SoftmaxRows.Takes(logits))
        {
            SoftmaxRows.Exponentiate(logits, largest, sum, kept);
            return (largest, sum, null);
        }

        var norm = Aligned is null ? null : empty([count, 1], ScalarType.Float32, logits.device);
        foreach (var (start, size) in Blocks(logits))
        {
            using var scope = NewDisposeScope();
            var part = logits.narrow(0, start, size);
            var z = Cap(Widened(part, scratch));
            var top = z.amax([1L], keepdim: true);
            largest.narrow(0, start, size).copy_(top);
            sum.narrow(0, start, size).copy_(z.sub_(top).exp_().sum([1L], keepdim: true));
            norm?.narrow(0, start, size).copy_(linalg.vector_norm(z, 2, [1L], keepdim: true));
            if (kept)
            {
                Narrow(part, z);
            }
        }

        return (largest, sum, norm);
    }

    /// <summary>From logits, or from what <see cref="Exponentiate"/> kept with its sums, to the gradient of the logits before the soft cap, in their memory.</summary>
    private void Differentiate(Tensor logits, Tensor? sums, Tensor ids, Tensor normalizer, Tensor gradient, HeadRows scratch, Tensor? bias)
    {
        if (cap is null && SoftmaxRows.Takes(logits))
        {
            if (sums is not null)
            {
                SoftmaxRows.DifferentiateKept(logits, sums, ids, gradient);
            }
            else
            {
                SoftmaxRows.DifferentiateLogits(logits, normalizer, ids, gradient);
            }

            foreach (var (start, size) in bias is null ? [] : Blocks(logits))
            {
                using var scope = NewDisposeScope();
                bias!.add_(Widened(logits.narrow(0, start, size), scratch).sum([0L]));
            }

            return;
        }

        foreach (var (start, size) in Blocks(logits))
        {
            using var scope = NewDisposeScope();
            var part = logits.narrow(0, start, size);
            var z = Widened(part, scratch);
            var column = gradient.narrow(0, start, size);
            Tensor? damping = null;
            if (sums is not null)
            {
                z.mul_(column.neg().div_(sums.narrow(0, start, size)));
            }
            else
            {
                Cap(z);
                damping = cap is { } most ? z.div(most).pow_(2).neg_().add_(1) : null;
                z.sub_(normalizer.narrow(0, start, size)).exp_().mul_(column.neg());
            }

            z.scatter_add_(1, ids.narrow(0, start, size), column);
            if (damping is not null)
            {
                z.mul_(damping);
            }

            bias?.add_(z.sum([0L]));
            Narrow(part, z);
        }
    }

    private IEnumerable<(long Start, long Size)> Blocks(Tensor logits)
    {
        var (count, block) = (logits.size(0), BlockRows(logits.size(1), logits.device));
        for (long start = 0; start < count; start += block)
        {
            yield return (start, Math.Min(block, count - start));
        }
    }

    // An accelerator has no cache that would hold a block; its kernels want all rows at once.
    private long BlockRows(long vocabulary, Device device) => device.type == DeviceType.CPU ? Math.Max(1, CacheElements / vocabulary) : chunk;

    private HeadRows ScratchFor(long vocabulary, Device device) =>
        new(_buffers, compute == ScalarType.Float32 ? 0 : BlockRows(vocabulary, device), vocabulary, ScalarType.Float32, device);

    private static Tensor Widened(Tensor part, HeadRows scratch) => part.dtype == ScalarType.Float32 ? part : scratch.Logits.narrow(0, 0, part.size(0)).copy_(part);

    private static void Narrow(Tensor part, Tensor z)
    {
        if (part.dtype != ScalarType.Float32)
        {
            part.copy_(z);
        }
    }

    private Tensor Cap(Tensor logits) => cap is { } most ? logits.div_(most).tanh_().mul_(most) : logits;

    private static void Multiply(Tensor logits, Tensor rows, Tensor matrix, Tensor? offset)
    {
        logits.addmm_(rows, matrix.t(), beta: 0, alpha: 1);
        if (offset is not null)
        {
            logits.add_(offset);
        }
    }

    /// <summary>Memory as large as the head's matrix in the type of the products, where that is another one: fresh memory would cost a fault for each page.</summary>
    private HeadRows RoomFor(Tensor weight) => new(_buffers, compute == weight.dtype ? 0 : weight.size(0), weight.size(1), compute, weight.device);

    private static Tensor Cast(Tensor weight, HeadRows room)
    {
        using var guard = no_grad();
        return room.Count == 0 ? weight : room.Logits.copy_(weight);
    }

    private void AddProduct(Tensor? sum, Tensor left, Tensor right, HeadRows? room)
    {
        if (sum is null)
        {
            return;
        }

        if (compute == ScalarType.Float32)
        {
            sum.addmm_(left, right);
            return;
        }

        // Adding a narrower type makes an fp32 copy of it first: piece by piece it stays in the cache.
        var product = room!.Logits.addmm_(left, right, beta: 0, alpha: 1);
        var (count, block) = (sum.size(0), sum.device_type == DeviceType.CPU ? Math.Max(1, CacheElements / sum.size(1)) : sum.size(0));
        for (long start = 0; start < count; start += block)
        {
            using var scope = NewDisposeScope();
            var size = Math.Min(block, count - start);
            sum.narrow(0, start, size).add_(product.narrow(0, start, size));
        }
    }
}
