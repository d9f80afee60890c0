namespace Orchestrator.Training.Data.Rows;

/// <summary>The ids of one row. <paramref name="Rejected"/> is empty where the row has one answer.</summary>
internal sealed record EncodedRow(int[] Prompt, int[] Chosen, int[] Rejected)
{
    public int Longest => Prompt.Length + Math.Max(Chosen.Length, Rejected.Length);
}

/// <summary>What truncation leaves: a part of the prompt, and the beginning of each answer.</summary>
/// <param name="PromptStart">Ids of the prompt that are cut from its start.</param>
/// <param name="Prompt">Ids of the prompt that are kept behind those.</param>
internal readonly record struct Kept(int PromptStart, int Prompt, int Chosen, int Rejected)
{
    public EncodedRow Of(EncodedRow row) => new(
        row.Prompt[PromptStart..(PromptStart + Prompt)], row.Chosen[..Chosen], row.Rejected[..Rejected]);
}
