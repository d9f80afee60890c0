using System.Collections.Immutable;

namespace Orchestrator.Training.Data.Rows;

/// <summary>One row as its file says it, before any tokenizer. Rejected is null where the row has one answer.</summary>
internal abstract record Row
{
    /// <summary>Whether the one answer is desirable; null where rows bear no label, or the row is a pair.</summary>
    public bool? Label { get; init; }

    /// <summary>How much better the chosen answer is by the row's own rewards; null where it has none, or nobody asks.</summary>
    public double? RewardMargin { get; init; }

    /// <summary>What the row gives a chat template beside its messages: <see cref="Rows.TemplateVariables"/>. Empty where no template writes it.</summary>
    public IReadOnlyDictionary<string, object?> TemplateVariables { get; init; } = ImmutableDictionary<string, object?>.Empty;

    public abstract Row WithoutRejected();
}

/// <summary>Prompt and answers are texts that follow one another without anything in between.</summary>
/// <param name="Seam">Whether prompt and answers may be parted elsewhere when a token spans the seam.</param>
internal sealed record TextRow(string Prompt, string Chosen, string? Rejected, Seam Seam = Seam.Given) : Row
{
    public override Row WithoutRejected() => this with { Rejected = null };
}

/// <summary>Prompt and answers are messages, to be written out by a chat template.</summary>
internal sealed record MessagesRow(ChatMessage[] Prompt, ChatMessage[] Chosen, ChatMessage[]? Rejected) : Row
{
    public override Row WithoutRejected() => this with { Rejected = null };
}

/// <summary>Prompt and answers are ids already, to be taken as they are.</summary>
internal sealed record IdsRow(int[] Prompt, int[] Chosen, int[]? Rejected) : Row
{
    public override Row WithoutRejected() => this with { Rejected = null };
}

internal enum Seam
{
    /// <summary>The row names its prompt.</summary>
    Given,

    /// <summary>The prompt is what the answers share: it may end a word earlier.</summary>
    Shared,

    /// <summary>There is no prompt: the first token of the text is what the rest is predicted from.</summary>
    FirstToken,

    /// <summary>The texts are a chat template's, which writes special tokens itself.</summary>
    Template,
}
