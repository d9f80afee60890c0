using System.Collections.Immutable;

namespace Orchestrator.Training.Models;

/// <summary>
/// A run of packed tokens that attend causally to one another, and before that to all tokens of their context: the start of an earlier segment
/// that has no context itself, such as the prompt that both answers share.
/// </summary>
/// <param name="Start">Index of its first token in the pack.</param>
/// <param name="Length">At least 1.</param>
/// <param name="ContextStart">Start of the segment that begins with the context; without meaning where <paramref name="ContextLength"/> is 0.</param>
/// <param name="ContextLength">Tokens of the context.</param>
/// <param name="Uncomputed">Tokens of its sequence that follow it and are not in the pack.</param>
public readonly record struct PackedSegment(int Start, int Length, int ContextStart = 0, int ContextLength = 0, int Uncomputed = 0);

/// <summary>Sequences laid end to end without padding. Every token belongs to exactly one segment, and the segments stand in the order of their tokens.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Positions">Place of each token in its own sequence, from 0; a segment with a context goes on where its context ends.</param>
public sealed record PackedTokens(ImmutableArray<long> Ids, ImmutableArray<long> Positions, ImmutableArray<PackedSegment> Segments)
{
    /// <summary>The first broken rule as an error. Shapes are checked here, because a wrong one inside libtorch may end the process.</summary>
    /// <exception cref="ArgumentException">Says which segment or token breaks which rule.</exception>
    public void Check(int vocabulary)
    {
        if (Ids.IsEmpty || Ids.Length != Positions.Length)
        {
            throw new ArgumentException($"A pack has {Ids.Length} ids and {Positions.Length} positions; it needs at least one id, and a position for each.");
        }

        for (var i = 0; i < Ids.Length; i++)
        {
            if (Ids[i] < 0 || Ids[i] >= vocabulary)
            {
                throw new ArgumentException($"Token {i} of a pack has id {Ids[i]}, and the model's vocabulary has {vocabulary} tokens. Use the model's own tokenizer.");
            }
        }

        CheckSegments();
    }

    private void CheckSegments()
    {
        var (next, roots) = (0, new Dictionary<int, int>());
        for (var i = 0; i < Segments.Length; i++)
        {
            var segment = Segments[i];
            if (segment.Start != next || segment.Length < 1)
            {
                throw new ArgumentException($"Segment {i} of a pack starts at {segment.Start} with {segment.Length} tokens; it must start at {next}, where the one before it ends, and have at least one.");
            }

            next += segment.Length;
            if (segment.ContextLength == 0)
            {
                roots[segment.Start] = segment.Length;
            }
            else if (!roots.TryGetValue(segment.ContextStart, out var length) || segment.ContextLength < 0 || segment.ContextLength > length)
            {
                throw new ArgumentException($"Segment {i} of a pack has the {segment.ContextLength} tokens from {segment.ContextStart} as its context; a context is the start of an earlier segment without a context.");
            }
        }

        if (next != Ids.Length)
        {
            throw new ArgumentException($"The segments of a pack end at token {next}, and it has {Ids.Length}.");
        }
    }
}
