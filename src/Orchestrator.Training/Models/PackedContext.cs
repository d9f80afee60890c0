using System.Collections.Immutable;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Sequences laid end to end: all matrix products run over all tokens at once, and only attention is computed segment by segment, so that no
/// padding is ever computed and a shared prompt only once.
/// </summary>
internal sealed class PackedContext : AttentionContext
{
    private readonly ImmutableArray<PackedSegment> _segments;
    private readonly long[] _lengths;
    private readonly int[] _roots;
    private readonly Dictionary<(int Context, int Length, int Window), Tensor> _masks = [];

    /// <param name="positions">[1, tokens], the pack's positions on the device.</param>
    public PackedContext(DecoderSpec spec, PackedTokens tokens, Tensor positions)
        : base(spec, positions, Stretches(tokens.Segments))
    {
        _segments = tokens.Segments;
        _lengths = [.. _segments.Select(segment => (long)segment.Length)];
        var starts = _segments.Select((segment, index) => (segment.Start, index)).ToDictionary(pair => pair.Start, pair => pair.index);
        _roots = [.. _segments.Select(segment => segment.ContextLength == 0 ? -1 : starts[segment.ContextStart])];
        foreach (var window in spec.Layers.Select(layer => layer.Window).Distinct())
        {
            MakeMasks(window, positions.device);
        }
    }

    protected override IEnumerable<Tensor> Tensors => base.Tensors.Concat(_masks.Values);

    public override Tensor Mix(AttentionKernel kernel, Tensor query, Tensor key, Tensor value, int? window)
    {
        using var scope = NewDisposeScope();

        // Split and concatenated once each: the gradient of many narrow views would touch all tokens once a segment.
        var (queries, keys, values) = (query.split(_lengths, 2), key.split(_lengths, 2), value.split(_lengths, 2));
        var mixed = new Tensor[_lengths.Length];
        for (var i = 0; i < mixed.Length; i++)
        {
            var segment = _segments[i];
            Tensor WithContext(Tensor[] pieces) => segment.ContextLength == 0 ? pieces[i] : cat([pieces[_roots[i]].narrow(2, 0, segment.ContextLength), pieces[i]], 2);
            var mask = _masks.GetValueOrDefault(MaskOf(segment, window));
            mixed[i] = Grouped(kernel, queries[i], WithContext(keys), WithContext(values), mask);
        }

        return cat(mixed, 0).reshape(1, query.size(2), -1).MoveToOuterDisposeScope();
    }

    /// <returns>[tokens, key and value heads, groups, head size].</returns>
    private static Tensor Grouped(AttentionKernel kernel, Tensor query, Tensor key, Tensor value, Tensor? mask)
    {
        if (kernel.Groups == 1)
        {
            return kernel.Attend(query, key, value, mask, causal: mask is null).permute(2, 0, 1, 3);
        }

        // Key and value heads stand where rows stand, and the queries that share one are its heads: nothing is repeated in memory.
        var (heads, groups, size) = (kernel.KeyValueHeads, kernel.Groups, query.size(3));
        var grouped = query.view(heads, groups, query.size(2), size);
        Tensor Shared(Tensor x) => x.transpose(0, 1).expand(heads, groups, x.size(2), size);
        return kernel.Attend(grouped, Shared(key), Shared(value), mask, causal: mask is null).permute(2, 0, 1, 3);
    }

    // Sequences that share a prompt turn as the longest of them, as they would padded to one length; others in the pack change nothing.
    private static List<Stretch> Stretches(ImmutableArray<PackedSegment> segments)
    {
        var longest = segments.GroupBy(RootOf).ToDictionary(group => group.Key, group => group.Max(segment => (long)segment.ContextLength + segment.Length + segment.Uncomputed));
        return [.. segments.Select(segment => new Stretch(segment.Length, longest[RootOf(segment)]))];
    }

    private static int RootOf(PackedSegment segment) => segment.ContextLength == 0 ? segment.Start : segment.ContextStart;

    private void MakeMasks(int? window, Device device)
    {
        foreach (var kind in _segments.Select(segment => MaskOf(segment, window)).Distinct())
        {
            if (kind.Context > 0 || kind.Window > 0)
            {
                _masks[kind] = Seen(kind.Context, kind.Length, kind.Window, device).unsqueeze(0).unsqueeze(0);
            }
        }
    }

    private static (int Context, int Length, int Window) MaskOf(PackedSegment segment, int? window) =>
        (segment.ContextLength, segment.Length, window is { } tokens && tokens < segment.ContextLength + segment.Length ? tokens : 0);
}
