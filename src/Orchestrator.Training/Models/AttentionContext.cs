using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// What all layers of one forward pass share: rotary angles of its positions, and who may see whom. Made once a pass, in the pass's own dispose
/// scope, which ends its tensors.
/// </summary>
internal sealed class AttentionContext
{
    private readonly Dictionary<int, Tensor?> _masks = [];
    private readonly Tensor? _attentionMask;
    private readonly Device _device;

    /// <param name="positions">[rows, tokens] or [1, tokens], int64.</param>
    /// <param name="attentionMask">[rows, past + tokens], 1 for real tokens; null where all are real.</param>
    /// <param name="past">Tokens in the cache.</param>
    public AttentionContext(DecoderSpec spec, Tensor positions, Tensor? attentionMask, long past, long tokens)
    {
        (Past, Tokens, _attentionMask, _device) = (past, tokens, attentionMask, positions.device);
        if (spec.Rope is { } rope)
        {
            (Cosine, Sine) = Angles(rope, positions, past + tokens);
        }

        foreach (var window in spec.Layers.Select(layer => Effective(layer.Window)).Distinct())
        {
            var trivial = attentionMask is null && window == 0 && (past == 0 || tokens == 1);
            _masks[window] = trivial ? null : Build(window);
        }
    }

    public long Past { get; }

    public long Tokens { get; }

    /// <summary>[rows or 1, 1, tokens, rotary dimension].</summary>
    public Tensor? Cosine { get; }

    public Tensor? Sine { get; }

    /// <summary>
    /// True where a query may see a key, [rows or 1, 1, tokens, past + tokens]; null where plain causal attention says the same, or where one
    /// new token may see everything.
    /// </summary>
    public Tensor? Mask(int? window) => _masks[Effective(window)];

    /// <summary>0 where the window hides nothing.</summary>
    private int Effective(int? window) => window is { } tokens && tokens < Past + Tokens ? tokens : 0;

    private Tensor Build(int window)
    {
        var queries = arange(Past, Past + Tokens, device: _device).unsqueeze(1);
        var keys = arange(Past + Tokens, device: _device).unsqueeze(0);
        var seen = keys <= queries;
        if (window > 0)
        {
            seen = seen.logical_and(keys > queries - window);
        }

        seen = seen.unsqueeze(0).unsqueeze(0);
        return _attentionMask is null ? seen : seen.logical_and(_attentionMask.to(ScalarType.Bool).unsqueeze(1).unsqueeze(1));
    }

    private static (Tensor Cosine, Tensor Sine) Angles(RopeSpec rope, Tensor positions, long length)
    {
        var table = rope.Table((int)length);
        var frequencies = tensor(table.InverseFrequencies, device: positions.device);
        var angles = positions.to(ScalarType.Float64).unsqueeze(-1) * frequencies;
        var both = cat([angles, angles], -1).unsqueeze(1);
        return ((both.cos() * table.Factor).to(ScalarType.Float32), (both.sin() * table.Factor).to(ScalarType.Float32));
    }
}
