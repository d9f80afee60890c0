using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// What all layers of one forward pass share: rotary angles of its positions, and who may see whom. Made once a pass, in the pass's own dispose
/// scope, which ends its tensors.
/// </summary>
internal abstract class AttentionContext : IDisposable
{
    /// <param name="positions">[rows or 1, tokens], int64.</param>
    /// <param name="stretches">Of the tokens, one after the other: some families turn differently in long sequences.</param>
    protected AttentionContext(DecoderSpec spec, Tensor positions, IReadOnlyList<Stretch> stretches)
    {
        if (spec.Rope is { } rope)
        {
            (Cosine, Sine) = Angles(rope, positions, stretches);
        }
    }

    /// <summary>[rows or 1, 1, tokens, rotary dimension].</summary>
    public Tensor? Cosine { get; }

    /// <summary>As <see cref="Cosine"/>, with the sign that each half of a head needs: minus for the first.</summary>
    public Tensor? Sine { get; }

    /// <summary>Attention of every token to those it may see.</summary>
    /// <param name="query">[rows, heads, tokens, head size].</param>
    /// <param name="key">[rows, key and value heads, past + tokens, head size].</param>
    /// <returns>[rows, tokens, heads · head size].</returns>
    public abstract Tensor Mix(AttentionKernel kernel, Tensor query, Tensor key, Tensor value, int? window);

    /// <summary>Takes the tensors out of the pass's dispose scope: they then live until <see cref="Dispose"/>, for a backward that computes again.</summary>
    public void Keep()
    {
        foreach (var tensor in Tensors)
        {
            tensor.DetachFromDisposeScope();
        }
    }

    public void Dispose()
    {
        foreach (var tensor in Tensors)
        {
            tensor.Dispose();
        }
    }

    /// <summary>Every tensor of the context.</summary>
    protected virtual IEnumerable<Tensor> Tensors => new[] { Cosine, Sine }.OfType<Tensor>();

    /// <summary>True where a query may see a key: at its own place or before it, and within the window.</summary>
    /// <param name="past">Keys before the first query's own.</param>
    /// <param name="window">0: no window.</param>
    /// <returns>[queries, past + queries].</returns>
    protected static Tensor Seen(long past, long queries, int window, Device device)
    {
        var at = arange(past, past + queries, device: device).unsqueeze(1);
        var keys = arange(past + queries, device: device).unsqueeze(0);
        var seen = keys <= at;
        return window > 0 ? seen.logical_and(keys > at - window) : seen;
    }

    private static (Tensor Cosine, Tensor Sine) Angles(RopeSpec rope, Tensor positions, IReadOnlyList<Stretch> stretches)
    {
        Tensor Of(Stretch stretch) => tensor(rope.Frequencies((int)stretch.Length), device: positions.device).unsqueeze(0);
        var frequencies = rope.ByLength ? cat([.. stretches.Select(stretch => Of(stretch).expand(stretch.Tokens, -1))]) : Of(stretches[0]);
        var angles = (positions.to(ScalarType.Float64).unsqueeze(-1) * frequencies).unsqueeze(1);
        var (cosine, sine) = (angles.cos().to(ScalarType.Float32), angles.sin().to(ScalarType.Float32));
        return (cat([cosine, cosine], -1), cat([-sine, sine], -1));
    }

    /// <summary>Tokens that stand one after the other and belong to sequences of one length.</summary>
    /// <param name="Length">Tokens of the longest sequence among them, computed or not.</param>
    protected readonly record struct Stretch(long Tokens, long Length);
}
