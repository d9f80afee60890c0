using System.Globalization;
using System.Security.Cryptography;
using Orchestrator.Cluster;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Metrics.TensorBoard;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Orchestrator.Host.Traces;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Runs;

/// <summary>One run of `train`, from settings to a model: prepares the data, coordinates, keeps this machine's workers alive, records.</summary>
/// <param name="Line">For people.</param>
public sealed record TrainRun(Settings Settings, OutputDirectory Output, bool Resume, ProgressLine Line)
{
    /// <summary>Beside the run's own observers; the last to be told.</summary>
    public IRunObserver? Observer { get; init; }

    /// <summary>An existing folder for the timelines of this process and of the workers it starts; null: none are kept.</summary>
    public string? TraceFolder { get; init; }

    /// <exception cref="ArgumentException">The folder cannot take the run, or a resume would give other weights.</exception>
    /// <exception cref="InvalidDataException">Rows, model or checkpoint cannot be used.</exception>
    /// <exception cref="NotSupportedException">The machine lacks the device.</exception>
    public async Task<RunOutcome> RunAsync(CancellationToken stop)
    {
        var places = Places();
        var resume = Resume ? ResumePoint.Find(Output, Settings, Line.Write) : null;
        if (resume is null)
        {
            Output.Begin(
                Settings.Of(OutputKeys.Overwrite),
                [Settings.Of(ModelKeys.Path), Settings.Of(ModelKeys.Reference), Settings.Of(ModelKeys.Adapter), .. Mapping.TrainPaths(Settings), .. Settings.Of(DataKeys.Eval).Select(set => set.File)]);
        }

        var job = Prepare(places, resume, stop);
        History.CutMetrics(Output.Metrics, job.StartStep, [.. job.EvaluationSets.Select(set => set.Name)]);
        var outcome = await CoordinateAsync(job, places, resume, stop);
        return outcome is { End: RunEnd.Completed } ? Finish(outcome with { Checkpoint = outcome.Checkpoint ?? resume?.Checkpoint?.Directory }) : outcome;
    }

    /// <summary>Leaves the model: the last checkpoint's, or the best one's where the run file says so.</summary>
    private RunOutcome Finish(RunOutcome outcome)
    {
        if (outcome.Checkpoint is not { } last)
        {
            return outcome;
        }

        var checkpoint = CheckpointFolder.Open(last);
        if (Settings.Of(SelectionKeys.LoadBest))
        {
            try
            {
                var best = BestModel.Read(Output) ?? throw new InvalidDataException($"{Output.Best} names none, as it could not be written when it was due.");
                checkpoint = CheckpointFolder.Open(best.DirectoryIn(Output));
                outcome = outcome with { Reason = $"{outcome.Reason} The model is the best checkpoint's, of step {best.Step}: {best.Metric} {best.Value.ToString("0.######", CultureInfo.InvariantCulture)}." };
            }
            catch (InvalidDataException error)
            {
                Line.Write($"WARNING: the model is the last checkpoint's, not the best one's: {error.Message}");
            }
        }

        FinalModel.Write(checkpoint.Directory, Output.Model);
        PruneAtTheEnd();
        return outcome with { Checkpoint = checkpoint.Directory, WeightsSha256 = checkpoint.WeightsSha256 };
    }

    // Workers that join still read the checkpoint that the run resumed from.
    private void Prune(string? resumed) => CheckpointFolder.Prune(Output.Checkpoints, Settings.Of(OutputKeys.KeepLast), resumed, BestModel.Read(Output)?.DirectoryIn(Output));

    private void PruneAtTheEnd()
    {
        try
        {
            Prune(resumed: null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Line.Write($"WARNING: older checkpoints could not be removed: {error.Message}");
        }
    }

    private void Record(RunEvent happened)
    {
        if (happened is BestCheckpoint best)
        {
            BestModel.Of(best, Output).Write(Output);
        }
    }

    private IReadOnlyList<WorkerPlace> Places()
    {
        var device = DeviceChoice.Parse(Settings.Of(ClusterKeys.Device));
        var workers = Settings.Of(ClusterKeys.Workers);
        var devices = workers == 0 || device.Text == "cpu" ? ["cpu"] : device.Resolve(TorchRuntime.Load().CudaDevices);
        return WorkerPlace.Of(devices, workers, Settings.Of(ClusterKeys.Threads), Environment.ProcessorCount);
    }

    private Job Prepare(IReadOnlyList<WorkerPlace> places, ResumePoint? resume, CancellationToken stop)
    {
        foreach (var line in Announcement.Before(Settings, places, Output))
        {
            Line.Write(line);
        }

        var data = PreparedData.Make(Settings, Output, stop);
        var job = JobBuilder.Build(Settings, data, Output, resume, stop);
        foreach (var line in Announcement.Of(Settings, data, job))
        {
            Line.Write(line);
        }

        File.WriteAllText(Output.RunFile, job.RunFile);
        SavedJob.Write(job, Output.Job);
        return job;
    }

    private async Task<RunOutcome> CoordinateAsync(Job job, IReadOnlyList<WorkerPlace> places, ResumePoint? resume, CancellationToken stop)
    {
        var token = Token();
        var selection = Selection.Of(Settings);
        var seen = resume is null ? EvaluationHistory.Empty : History.Seen(Output.Metrics, selection);
        BestModel.Reconcile(Output, selection, seen);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var every = Settings.Of(OutputKeys.LoggingSteps);
        var logs = MetricsLogs(job, every);
        using var log = new ChildLog(Path.Combine(Output.Logs, "coordinator.log"));
        using var events = new EventsFile(Output.Events, sums: every > 1);
        using var timeline = new CoordinatorTimeline(TraceFolder);
        await using var workers = new WorkersOfThisRun(this, places, token, giveUp);
        var observers = new Observers(
            [new ObserverAction(Record), .. logs, events, new RunScreen(Line, every), new ObserverAction(workers.On), timeline, .. Observer is null ? Array.Empty<IRunObserver>() : [Observer]], Line.Write);
        var options = Options(job, places.Count, token, resume, log.Add) with { Selection = selection, Seen = seen };
        var outcome = await Coordinator.RunAsync(options, observers, giveUp.Token);
        logs.ForEach(metrics => metrics.Dispose());
        return workers.Lost is { } why && outcome.End != RunEnd.Completed ? outcome with { End = RunEnd.Failed, Reason = $"{why} {outcome.Reason}" } : outcome;
    }

    private List<MetricsLog> MetricsLogs(Job job, int every)
    {
        var tokens = History.Tokens(Output.Events, job.StartStep);
        var unlogged = History.Unlogged(Output.Metrics, Output.Events, job.StartStep);
        MetricsLog To(IMetricsWriter writer) => new(writer, every, tokens, MetricsWindow.Of(unlogged));
        var logs = new List<MetricsLog> { To(new MetricsFile(Output.Metrics)) };
        if (Settings.Of(OutputKeys.ReportTo).Contains(OutputKeys.TensorBoard))
        {
            logs.Add(To(new TensorBoardFile(Output.TensorBoard, job.StartStep, TimeProvider.System)));
        }

        return logs;
    }

    private CoordinatorOptions Options(Job job, int places, string token, ResumePoint? resume, Action<string> log) => new()
    {
        Job = job,
        Workers = Settings.Of(ClusterKeys.WaitForWorkers) ?? Math.Max(1, places),
        Bind = Settings.Of(ClusterKeys.Bind),
        AdvertisedHost = Settings.Of(ClusterKeys.AdvertisedHost),
        Port = Settings.Of(ClusterKeys.Port),
        Token = token,
        OutputDirectory = Output.Path,
        SaveEverySteps = Settings.Of(OutputKeys.SaveEverySteps),
        SaveEvery = Settings.Of(OutputKeys.SaveEveryMinutes) is > 0 and var minutes ? TimeSpan.FromMinutes(minutes) : null,
        AfterCheckpoint = _ => Prune(resume?.Checkpoint?.Directory),
        EvalEverySteps = Settings.Of(OutputKeys.EvalEverySteps),
        EvalFirst = Settings.Of(OutputKeys.EvalFirst),
        FirstTerm = resume?.FirstTerm ?? 1,
        NonFinite = Settings.Of(ClusterKeys.NonFinite) == "stop" ? NonFinitePolicy.Stop : NonFinitePolicy.Skip,
        Transport = Enum.Parse<Transport>(Settings.Of(ClusterKeys.Transport), ignoreCase: true),
        Wire = Enum.Parse<WireType>(Settings.Of(ClusterKeys.Wire), ignoreCase: true),
        Deadlines = Mapping.Deadlines(Settings),
        Hocon = AkkaSettings.Read(AkkaSettings.PathOf(Settings.Of(ClusterKeys.AkkaConfig))),
        Log = log,
    };

    private string Token() => Settings.Of(ClusterKeys.Token)
        ?? (Environment.GetEnvironmentVariable(LocalWorkers.TokenVariable) is { Length: > 0 } given ? given : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
}
