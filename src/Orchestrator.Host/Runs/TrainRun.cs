using System.Security.Cryptography;
using Orchestrator.Cluster;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Runs;

/// <summary>One run of `train`, from settings to a model: prepares the data, coordinates, keeps this machine's workers alive, records.</summary>
/// <param name="Line">For people.</param>
public sealed record TrainRun(Settings Settings, OutputDirectory Output, bool Resume, ProgressLine Line)
{
    /// <summary>Beside the run's own observers; the last to be told.</summary>
    public IRunObserver? Observer { get; init; }

    /// <exception cref="ArgumentException">The folder cannot take the run, or a resume would give other weights.</exception>
    /// <exception cref="InvalidDataException">Rows, model or checkpoint cannot be used.</exception>
    /// <exception cref="NotSupportedException">The machine lacks the device.</exception>
    public async Task<RunOutcome> RunAsync(CancellationToken stop)
    {
        var places = Places();
        var resume = Resume ? ResumePoint.Find(Output, Settings, Line.Write) : null;
        if (resume is null)
        {
            Output.Begin(Settings.Of(OutputKeys.Overwrite));
        }

        var job = Prepare(places, resume, stop);
        History.CutMetrics(Output.Metrics, job.StartStep);
        var outcome = await CoordinateAsync(job, places, resume, stop);
        if (outcome is { End: RunEnd.Completed, Checkpoint: { } checkpoint })
        {
            FinalModel.Write(checkpoint, Output.Model);
        }

        return outcome;
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
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var metrics = new MetricsFile(Output.Metrics, Settings.Of(OutputKeys.LoggingSteps), History.Tokens(Output.Events, job.StartStep));
        using var log = new ChildLog(Path.Combine(Output.Logs, "coordinator.log"));
        using var events = new EventsFile(Output.Events);
        await using var workers = new WorkersOfThisRun(this, places, token, giveUp);
        var observers = new Observers(
            [metrics, events, new RunScreen(Line, Settings.Of(OutputKeys.LoggingSteps)), new ObserverAction(workers.On), .. Observer is null ? Array.Empty<IRunObserver>() : [Observer]], Line.Write);
        var outcome = await Coordinator.RunAsync(Options(job, places.Count, token, resume, log.Add), observers, giveUp.Token);
        return workers.Lost is { } why && outcome.End != RunEnd.Completed ? outcome with { End = RunEnd.Failed, Reason = $"{why} {outcome.Reason}" } : outcome;
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
        AfterCheckpoint = _ => CheckpointFolder.Prune(Output.Checkpoints, Settings.Of(OutputKeys.KeepLast)),
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
