using System.Security.Cryptography;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Orchestrator.Host.Traces;
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
    public Task<RunOutcome> RunAsync(CancellationToken stop) =>
        (Resume && File.Exists(Output.RunFile) ? this with { Settings = Decisions.AsBefore(Settings, SettingsReader.ReadSaved(File.ReadAllText(Output.RunFile), Output.RunFile)) } : this).GoAsync(stop);

    private async Task<RunOutcome> GoAsync(CancellationToken stop)
    {
        var places = PlacesOf(Settings);
        var resume = Resume ? ResumePoint.Find(Output, Settings, Line.Write) : null;
        if (resume is null)
        {
            Output.Begin(
                Settings.Of(OutputKeys.Overwrite),
                [Settings.Of(ModelKeys.Path), Settings.Of(ModelKeys.Reference), Settings.Of(ModelKeys.Adapter), .. Mapping.TrainPaths(Settings), .. Settings.Of(DataKeys.Eval).Select(set => set.File)]);
        }

        var job = Prepare(places, resume, stop);
        History.CutMetrics(Output.Metrics, job.StartStep, [.. job.EvaluationSets.Select(set => set.Name)]);
        return await CoordinateAsync(job, places, resume, stop);
    }

    /// <summary>Where this machine's workers compute.</summary>
    public static IReadOnlyList<WorkerPlace> PlacesOf(Settings settings)
    {
        var device = DeviceChoice.Parse(settings.Of(ClusterKeys.Device));
        var workers = settings.Of(ClusterKeys.Workers);
        var devices = workers == 0 || device.Text == "cpu" ? ["cpu"] : device.Resolve(TorchRuntime.Load().CudaDevices);
        return WorkerPlace.Of(devices, workers, settings.Of(ClusterKeys.Threads), Environment.ProcessorCount);
    }

    private Job Prepare(IReadOnlyList<WorkerPlace> places, ResumePoint? resume, CancellationToken stop)
    {
        foreach (var line in Announcement.Before(Settings, places, Output))
        {
            Line.Write(line);
        }

        var data = PreparedData.Make(Settings, Output, stop);
        var decided = Decisions.Make(Settings, data, Output, places);
        var job = JobBuilder.Build(decided.Settings, data, Output, resume, stop);
        foreach (var line in Announcement.Of(decided.Settings, data, job).Concat(decided.Lines))
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
        History.CutSamples(Output.Samples, seen.Evaluated >= job.StartStep ? job.StartStep : job.StartStep - 1);
        var samples = new SamplesFile(Output.Samples, TextSource.Load(Settings.Of(ModelKeys.Path), Settings.Of(DataKeys.ChatTemplate)).Tokenizer, Output.Pairs, Line.Write);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var timeline = new CoordinatorTimeline(TraceFolder);
        await using var workers = new WorkersOfThisRun(this, places, token, giveUp);
        var node = new ControlNode(Settings, job, Output, Line, token)
        {
            Self = Settings.Of(ClusterKeys.ControlNodes) is [var first, ..] ? ControlAddress.TryParse(first) : null,
            FirstTerm = resume?.FirstTerm ?? 1,
            Workers = Settings.Of(ClusterKeys.WaitForWorkers) ?? Math.Max(1, places.Count),
            Resumed = resume?.Checkpoint?.Directory,
            Seen = seen,
            Observers = [samples, new ObserverAction(workers.On), timeline, .. Observer is null ? Array.Empty<IRunObserver>() : [Observer]],
        };
        var outcome = await node.RunAsync(giveUp.Token);
        return workers.Lost is { } why && outcome.End != RunEnd.Completed ? outcome with { End = RunEnd.Failed, Reason = $"{why} {outcome.Reason}" } : outcome;
    }

    private string Token() => Settings.Of(ClusterKeys.Token)
        ?? (Environment.GetEnvironmentVariable(LocalWorkers.TokenVariable) is { Length: > 0 } given ? given : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
}
