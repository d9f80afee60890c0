using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Rows of equal length, padded where they were not; with a cache, the tokens that follow those already seen.</summary>
internal sealed class PaddedContext : AttentionContext
{
    private readonly Dictionary<int, Tensor?> _masks = [];
    private readonly long _length;

    /// <param name="positions">[rows, tokens] or [1, tokens], int64.</param>
    /// <param name="attentionMask">[rows, past + tokens], 1 for real tokens; null where all are real.</param>
    /// <param name="past">Tokens in the cache.</param>
    public PaddedContext(DecoderSpec spec, Tensor positions, Tensor? attentionMask, long past, long tokens)
        : base(spec, positions, [new Stretch(tokens, past + tokens)])
    {
        _length = past + tokens;
        foreach (var window in spec.Layers.Select(layer => Effective(layer.Window)).Distinct())
        {
            var trivial = attentionMask is null && window == 0 && (past == 0 || tokens == 1);
            _masks[window] = trivial ? null : Mask(past, tokens, window, attentionMask, positions.device);
        }
    }

    protected override IEnumerable<Tensor> Tensors => base.Tensors.Concat(_masks.Values.OfType<Tensor>());

    public override Tensor Mix(AttentionKernel kernel, Tensor query, Tensor key, Tensor value, int? window)
    {
        var mask = _masks[Effective(window)];
        var mixed = query.size(2) > 1
            ? kernel.Attend(query, Repeat(key, kernel.Groups), Repeat(value, kernel.Groups), mask, causal: mask is null)
            : OneToken(kernel, query, key, value, mask);
        return mixed.transpose(1, 2).reshape(query.size(0), query.size(2), -1);
    }

    // One new token sees all keys its mask leaves it: the queries of a group stand where tokens stand, and share keys that nobody copies.
    private static Tensor OneToken(AttentionKernel kernel, Tensor query, Tensor key, Tensor value, Tensor? mask)
    {
        var grouped = query.reshape(query.size(0), kernel.KeyValueHeads, kernel.Groups, query.size(3));
        return kernel.Attend(grouped, key, value, mask, causal: false).reshape(query.size(0), query.size(1), 1, query.size(3));
    }

    private static Tensor Repeat(Tensor x, int groups) => groups == 1
        ? x
        : x.unsqueeze(2).expand(x.size(0), x.size(1), groups, x.size(2), x.size(3)).reshape(x.size(0), x.size(1) * groups, x.size(2), x.size(3));

    private static Tensor Mask(long past, long tokens, int window, Tensor? attentionMask, Device device)
    {
        var seen = Seen(past, tokens, window, device).unsqueeze(0).unsqueeze(0);
        return attentionMask is null ? seen : seen.logical_and(attentionMask.to(ScalarType.Bool).unsqueeze(1).unsqueeze(1));
    }

    /// <summary>0 where the window hides nothing.</summary>
    private int Effective(int? window) => window is { } tokens && tokens < _length ? tokens : 0;
}
