namespace Orchestrator.Training.Data.Rows;

/// <summary>The ids of one row. <paramref name="Rejected"/> is empty where the row has one answer.</summary>
internal sealed record EncodedRow(int[] Prompt, int[] Chosen, int[] Rejected)
{
    /// <summary>As the row's own; null where it has none.</summary>
    public bool? Label { get; init; }

    /// <summary>As the row's own; null where it has none.</summary>
    public double? RewardMargin { get; init; }

    public int Longest => Prompt.Length + Math.Max(Chosen.Length, Rejected.Length);

    /// <summary>The rows of training: a pair, whose answers are to be judged one by one, gives two.</summary>
    /// <param name="labels">As <see cref="DataOptions.Labels"/>.</param>
    public EncodedRow[] Parts(bool labels) => labels && Label is null
        ? [new EncodedRow(Prompt, Chosen, []) { Label = true }, new EncodedRow(Prompt, Rejected, []) { Label = false }]
        : [this];
}

/// <summary>What truncation leaves: a part of the prompt, and the beginning of each answer.</summary>
/// <param name="PromptStart">Ids of the prompt that are cut from its start.</param>
/// <param name="Prompt">Ids of the prompt that are kept behind those.</param>
internal readonly record struct Kept(int PromptStart, int Prompt, int Chosen, int Rejected)
{
    public EncodedRow Of(EncodedRow row) => new(
        row.Prompt[PromptStart..(PromptStart + Prompt)], row.Chosen[..Chosen], row.Rejected[..Rejected])
    {
        Label = row.Label,
        RewardMargin = row.RewardMargin,
    };
}
