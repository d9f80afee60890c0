using Orchestrator.Training.Objectives;

namespace Orchestrator.Training.Data;

/// <summary>What every row of a .pairs file bears beside its ids.</summary>
public enum RowNote
{
    None = 0,

    /// <summary>Whether the row's one completion is desirable.</summary>
    Label = 1,

    /// <summary>How much better than the rejected answer the chosen one is, by rewards of the data.</summary>
    RewardMargin = 2,
}

internal static class RowNotes
{
    public static RowNote Of(ObjectiveNeeds needs) => needs.Labels ? RowNote.Label : needs.RewardMargins ? RowNote.RewardMargin : RowNote.None;

    public static RowNote Of(DataOptions options) => options.Labels ? RowNote.Label : options.RewardMargins ? RowNote.RewardMargin : RowNote.None;

    /// <summary>Bytes a row in the file.</summary>
    public static int Bytes(RowNote note) => note switch
    {
        RowNote.Label => 1,
        RowNote.RewardMargin => sizeof(double),
        _ => 0,
    };

    /// <summary>For messages: what comes behind "rows".</summary>
    public static string Told(RowNote note) => note switch
    {
        RowNote.Label => " with labels",
        RowNote.RewardMargin => " with reward margins",
        _ => "",
    };
}
