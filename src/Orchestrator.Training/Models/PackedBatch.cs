using System.Collections.Immutable;

namespace Orchestrator.Training.Models;

/// <summary>
/// Lays prompts and their completions end to end for one forward pass, and notes which hidden state predicts which completion token.
/// Completions of one prompt share it: it is computed once. Nothing after a completion's last prediction is computed at all.
/// </summary>
public sealed class PackedBatch
{
    private readonly ImmutableArray<long>.Builder _ids = ImmutableArray.CreateBuilder<long>();
    private readonly ImmutableArray<long>.Builder _positions = ImmutableArray.CreateBuilder<long>();
    private readonly ImmutableArray<PackedSegment>.Builder _segments = ImmutableArray.CreateBuilder<PackedSegment>();
    private readonly List<long> _at = [];
    private readonly List<long> _targets = [];
    private readonly List<int> _lengths = [];

    /// <summary>Rows of the hidden states, one for each target.</summary>
    public long[] At => [.. _at];

    /// <summary>Completion tokens in order: completion by completion as they were added.</summary>
    public long[] Targets => [.. _targets];

    /// <summary>Tokens of each completion among <see cref="Targets"/>.</summary>
    public int[] Lengths => [.. _lengths];

    /// <summary>Tokens to compute so far.</summary>
    public int Count => _ids.Count;

    public PackedTokens Tokens => new(_ids.ToImmutable(), _positions.ToImmutable(), _segments.ToImmutable());

    /// <summary>Adds a prompt with its chosen and rejected answers.</summary>
    public void AddPair(ReadOnlySpan<int> prompt, ReadOnlySpan<int> chosen, ReadOnlySpan<int> rejected)
    {
        var root = _ids.Count;
        AddFirst(prompt, chosen);
        AddSecond(root, prompt, rejected);
    }

    /// <summary>Adds a prompt with one completion.</summary>
    public void AddSingle(ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion) => AddFirst(prompt, completion);

    private void AddFirst(ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion)
    {
        RequireTokens(prompt, completion);
        var root = _ids.Count;
        Append(prompt, 0);
        Append(completion[..^1], prompt.Length);
        _segments.Add(new PackedSegment(root, _ids.Count - root, Uncomputed: 1));
        Predict(completion, root + prompt.Length - 1, root + prompt.Length);
    }

    private void AddSecond(int root, ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion)
    {
        RequireTokens(prompt, completion);
        var start = _ids.Count;
        if (completion.Length > 1)
        {
            Append(completion[..^1], prompt.Length);
            _segments.Add(new PackedSegment(start, completion.Length - 1, root, prompt.Length, Uncomputed: 1));
        }

        Predict(completion, root + prompt.Length - 1, start);
    }

    private void Append(ReadOnlySpan<int> ids, int position)
    {
        foreach (var id in ids)
        {
            _ids.Add(id);
            _positions.Add(position++);
        }
    }

    /// <param name="first">Row that predicts the completion's first token: the prompt's last.</param>
    /// <param name="start">Row of the completion's first token.</param>
    private void Predict(ReadOnlySpan<int> completion, int first, int start)
    {
        for (var i = 0; i < completion.Length; i++)
        {
            _at.Add(i == 0 ? first : start + i - 1);
            _targets.Add(completion[i]);
        }

        _lengths.Add(completion.Length);
    }

    private static void RequireTokens(ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion)
    {
        if (prompt.IsEmpty || completion.IsEmpty)
        {
            throw new ArgumentException(
                $"A row has {prompt.Length} prompt tokens and {completion.Length} completion tokens; it needs at least one of each: the first completion token is predicted from the prompt's last.");
        }
    }
}
