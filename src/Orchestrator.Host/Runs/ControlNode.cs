using Orchestrator.Cluster;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>
/// One control node of a run: it coordinates, or stands by, until the run has ended or this process is asked to leave. Cut off from the others or
/// stopped for long, it is fenced, and comes back as one that stands by. It records what happens while it coordinates.
/// </summary>
/// <param name="Token">The run's secret.</param>
public sealed record ControlNode(Settings Settings, Job Job, OutputDirectory Output, ProgressLine Line, string Token)
{
    /// <summary>Which of cluster.control_nodes this is; null where there is only this one.</summary>
    public ControlAddress? Self { get; init; }

    public long FirstTerm { get; init; } = 1;

    /// <summary>Workers to wait for before the first step.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Directory of the checkpoint that the run resumed from; null: none, or not known here.</summary>
    public string? Resumed { get; init; }

    /// <summary>What evaluations before a resume have shown; who stands by hears it from the workers.</summary>
    public EvaluationHistory Seen { get; init; } = EvaluationHistory.Empty;

    /// <summary>True: others coordinate already.</summary>
    public bool StandsBy { get; init; }

    /// <summary>Of the coordinator's decisions, in the run's logs.</summary>
    public string LogName { get; init; } = "coordinator.log";

    /// <summary>Told everything, after the node's own records.</summary>
    public IReadOnlyList<IRunObserver> Observers { get; init; } = [];

    public async Task<RunOutcome> RunAsync(CancellationToken stop)
    {
        var keeper = new ModelKeeper(Settings, Output, Line, Resumed);
        using var log = new ChildLog(Path.Combine(Output.Logs, LogName));
        for (var standsBy = StandsBy; ; standsBy = true)
        {
            var outcome = await OnceAsync(standsBy, keeper, log.Add, stop);
            if (Self is null || stop.IsCancellationRequested || outcome.End is not (RunEnd.Fenced or RunEnd.HandedOver))
            {
                return keeper.Finish(outcome);
            }

            if (await Task.Run(Ended, stop) is { } ended)
            {
                return keeper.Finish(ended);
            }

            Line.Write($"{outcome.Reason} It comes back as one that stands by.");
            var others = Settings.Of(ClusterKeys.ControlNodes).Where(node => node != Self.ToString()).ToArray();
            var offer = await AskAsync(others, stop);
            if (offer is null)
            {
                return await Task.Run(Ended, stop) is { } late ? keeper.Finish(late) : outcome with { End = RunEnd.Failed, Reason = $"This control node was cut off, and none of {string.Join(", ", others)} answers any more. {outcome.Reason}" };
            }

            if (offer.Job.RunId != Job.RunId)
            {
                return outcome with { End = RunEnd.Failed, Reason = $"The other control nodes are about run {offer.Job.RunId} now; this was one of {Job.RunId}." };
            }
        }
    }

    /// <returns>Null where none of them answers.</returns>
    private async Task<JobOffer?> AskAsync(string[] others, CancellationToken stop)
    {
        try
        {
            return await Coordinator.AskJobAsync(others, Token, Mapping.Tls(Settings), Mapping.Deadlines(Settings).Orphan, stop);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private async Task<RunOutcome> OnceAsync(bool standsBy, ModelKeeper keeper, Action<string> log, CancellationToken stop)
    {
        string[] sets = [.. Job.EvaluationSets.Select(set => set.Name)];
        var tensorBoard = Settings.Of(OutputKeys.ReportTo).Contains(OutputKeys.TensorBoard);
        using var records = new RunRecords(Output, Settings.Of(OutputKeys.LoggingSteps), tensorBoard, sets, standsBy ? null : Job.StartStep);
        var screen = new RunScreen(Line, Settings.Of(OutputKeys.LoggingSteps));
        var shown = new ObserverAction(happened =>
        {
            if (!standsBy || happened is not Listening)   // not where workers shall be sent
            {
                screen.On(happened);
            }
        });
        var observers = new Observers([new ObserverAction(keeper.Record), records, shown, .. Observers], Line.Write);
        return await Coordinator.RunAsync(Options(standsBy, keeper, log), observers, stop);
    }

    private CoordinatorOptions Options(bool standsBy, ModelKeeper keeper, Action<string> log) => new()
    {
        Job = Job,
        Workers = Workers,
        Bind = Settings.Of(ClusterKeys.Bind),
        AdvertisedHost = Self?.Host ?? Settings.Of(ClusterKeys.AdvertisedHost),
        Port = Self?.Port ?? Settings.Of(ClusterKeys.Port),
        ControlNodes = Settings.Of(ClusterKeys.ControlNodes),
        StandsBy = standsBy,
        AlreadyEnded = standsBy ? Ended : null,
        Token = Token,
        Tls = Mapping.Tls(Settings),
        OutputDirectory = Output.Path,
        SaveEverySteps = Settings.Of(OutputKeys.SaveEverySteps),
        SaveEvery = Settings.Of(OutputKeys.SaveEveryMinutes) is > 0 and var minutes ? TimeSpan.FromMinutes(minutes) : null,
        AfterCheckpoint = _ => keeper.Prune(),
        Selection = Selection.Of(Settings),
        Seen = standsBy ? EvaluationHistory.Empty : Seen,
        EvalEverySteps = Settings.Of(OutputKeys.EvalEverySteps),
        EvalFirst = Settings.Of(OutputKeys.EvalFirst),
        FirstTerm = FirstTerm,
        NonFinite = Settings.Of(ClusterKeys.NonFinite) == "stop" ? NonFinitePolicy.Stop : NonFinitePolicy.Skip,
        Transport = Enum.Parse<Transport>(Settings.Of(ClusterKeys.Transport), ignoreCase: true),
        Wire = Enum.Parse<WireType>(Settings.Of(ClusterKeys.Wire), ignoreCase: true),
        Connections = Settings.Of(ClusterKeys.Connections),
        Deadlines = Mapping.Deadlines(Settings),
        Hocon = AkkaSettings.Read(AkkaSettings.PathOf(Settings.Of(ClusterKeys.AkkaConfig))),
        Log = log,
    };

    /// <summary>The run has ended where the checkpoint of its last step is there: nobody may be left who could tell.</summary>
    private RunOutcome? Ended()
    {
        var selection = Selection.Of(Settings);
        return CheckpointFolder.FindNewest(Output.Checkpoints).Newest is { } newest
            && WhyOver(newest.State.GlobalStep, Job.Plan.ToPlan().Steps, History.Seen(Output.Metrics, selection), selection) is { } why
                ? new RunOutcome(RunEnd.Completed, why, newest.State.GlobalStep, newest.Directory, newest.WeightsSha256)
                : null;
    }

    /// <summary>Why no step follows the newest checkpoint's; null where one does.</summary>
    /// <param name="seen">What the evaluations so far have shown: a run that stops early writes its checkpoint after the last of them.</param>
    internal static string? WhyOver(long step, long steps, EvaluationHistory seen, SelectionRules? rules) =>
        step >= steps ? $"All {steps} steps are done."
        : seen.Evaluated <= step && seen.WhyStop(rules) is { } why ? $"{why} {step} of {steps} steps are done."
        : null;
}
