using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "output": what a run leaves behind, and how often. None of it touches the weights.</summary>
public static class OutputKeys
{
    private const string Section = "output";

    public static readonly Key<string?> Directory = new(Section, "output_dir", Kinds.Location("a folder").OrNull("out/<name of the run file>"), null,
        "Where metrics, checkpoints and the model go.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> SaveEverySteps = new(Section, "save_every_steps", Kinds.Whole(0), 0, "Checkpoint every so many steps; 0: not by steps.")
    {
        ChangesResult = false,
        Aliases = ["save_steps"],
    };

    public static readonly Key<double> SaveEveryMinutes = new(Section, "save_every_minutes", Kinds.Number(least: 0), 10, "Checkpoint every so many minutes; 0: not by time.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> KeepLast = new(Section, "keep_last", Kinds.Whole(1), 2, "The newest checkpoints, which stay, besides the best one and the one a run resumed from; older ones are deleted.")
    {
        ChangesResult = false,
        Aliases = ["save_total_limit"],
    };

    public static readonly Key<int> EvalEverySteps = new(Section, "eval_every_steps", Kinds.Whole(0), 0,
        "Evaluate the held-out pairs every so many steps; 0: before the first and after the last only.")
    {
        ChangesResult = false,
        Aliases = ["eval_steps"],
    };

    public static readonly Key<bool> EvalFirst = new(Section, "eval_on_start", Kinds.Flag, true, "Evaluate before the first step.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> LoggingSteps = new(Section, "logging_steps", Kinds.Whole(1), 1, "A line to metrics.jsonl every so many steps: the means over the pairs since the last line; grad_norm and learning_rate are the last step's.")
    {
        ChangesResult = false,
    };

    public const string TensorBoard = "tensorboard";

    public static readonly Key<ImmutableArray<string>> ReportTo = new(Section, "report_to", Kinds.Choices(["none", TensorBoard]), ["none"],
        "Where metrics go besides metrics.jsonl; tensorboard: event files in tensorboard/ of the output folder.")
    {
        ChangesResult = false,
    };

    public static readonly Key<bool> Overwrite = new(Section, "overwrite", Kinds.Flag, false, "Write into a folder that holds another run, deleting that run.")
    {
        ChangesResult = false,
        Aliases = ["overwrite_output_dir"],
    };

    public static ImmutableArray<Key> All { get; } =
        [Directory, SaveEverySteps, SaveEveryMinutes, KeepLast, EvalEverySteps, EvalFirst, LoggingSteps, ReportTo, Overwrite];
}
