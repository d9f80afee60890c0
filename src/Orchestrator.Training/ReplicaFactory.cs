using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;
using Orchestrator.Training.Native;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;
using Orchestrator.Training.Planning;
using Orchestrator.Training.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training;

/// <summary>
/// Makes a replica from a job's files: <see cref="JobModels"/> says which give policy and reference; "pairs/train.pairs" and "pairs/NAME.pairs" are
/// the rows.
/// </summary>
public sealed class ReplicaFactory : IReplicaFactory
{
    private readonly ReplicaOptions _options;
    private readonly IObjective _objective;
    private readonly Timeline _timeline;

    /// <param name="timeline">Is told where the replica's time goes; not disposed here.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ReplicaFactory(ReplicaOptions options, Timeline? timeline = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        (_options, _objective, _timeline) = (options, Objective.Create(options.Objective), timeline ?? Timeline.Off);
        if (options.ReferenceUpdate is not null && !_objective.Needs.Reference)
        {
            throw new ArgumentException($"sync_ref_model mixes the policy into the reference, and {_objective.Name} compares with none. Leave it out.");
        }
    }

    /// <inheritdoc/>
    public async Task<IReplica> CreateAsync(Job job, IReadOnlyDictionary<string, string> files, IBufferProvider memory, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(memory);
        var device = new DeviceThread(_options.Device, _options.Threads);
        try
        {
            return await device.Run(() => Create(job, new JobFolders(files), memory, device), cancellation);
        }
        catch (Exception error)
        {
            await device.DisposeAsync();
            if (OutOfMemory.Is(error))
            {
                throw Explain(error, job, new JobFolders(files));
            }

            throw;
        }
    }

    private InsufficientMemoryException Explain(Exception error, Job job, JobFolders folders)
    {
        using var train = EncodedPairs.Open(folders.PathOf($"pairs/{PairSet.Train}.pairs"));
        var rows = new StepRows(job.Plan.ToPlan(), new PairSet(PairSet.Train, train));
        var planner = new StepPlanner(Family.Describe(ModelConfig.Load(folders.HasModel("model") ? folders.Model("model") : folders.Model("checkpoint"))), _options, Workers: 1);
        return OutOfMemory.Explain(error, $"loading, and for step {job.StartStep}", planner, job, rows, train, job.StartStep);
    }

    private Replica Create(Job job, JobFolders folders, IBufferProvider memory, DeviceThread thread)
    {
        using var scope = NewDisposeScope();
        var sets = OpenSets(job, folders);
        var place = DeviceChoice.Parse(_options.Device).First();
        var models = new JobModels(_options, folders, place);
        var resumed = job.StartStep > 0 ? ReadState(job, folders) : null;
        var policy = models.Policy(resumed is not null);
        var plan = job.Plan.ToPlan();
        var rule = UpdateRules.Create(_options.Optimizer);
        var reference = _objective.Needs.Reference ? References(job, models, policy, sets, Remembers(plan) ? ValuesOf(job, plan, sets, memory) : null) : null;
        var state = new FlatState(policy, rule, memory, _options.ReferenceUpdate is null ? null : reference!.Load().Own());
        if (resumed is not null)
        {
            StateFiles.Read(folders.Directory($"checkpoint/{TrainerState.FileName}"), state, rule, resumed);
        }

        var parts = new ReplicaParts
        {
            Job = job,
            Options = _options,
            Memory = memory,
            ModelDirectory = models.Source,
            Policy = policy,
            Step = new TrainStep(policy, reference, _objective, _options.LogprobChunk, _options.LogprobKeepBytes, _timeline)
            {
                LongestSequence = _options.MaxLength ?? int.MaxValue,
            },
            State = state,
            Optimizer = new FlatOptimizer(rule, state.Weights, state.OptimizerStates),
            Slots = new GradientSlots(policy, state.Layout, memory),
            Plan = plan,
            Remembered = reference?.Values is null ? null : reference,
            Rows = new StepRows(plan, sets[PairSet.Train]),
            Schedule = new Schedule(_options.Schedule, plan.Steps),
            Sets = sets,
            Timeline = _timeline,
        };
        return new Replica(thread, parts, job.StartStep, resumed?.Digest) { Compute = ComputeOf(place) };
    }

    private static string ComputeOf(Device device) =>
        device.type == DeviceType.CPU ? TorchRuntime.ComputeFingerprint() : $"libtorch {TorchRuntime.Load().Version}, {device.type.ToString().ToLowerInvariant()}";

    private bool Remembers(BatchPlan plan) =>
        _options.Reference == ReferenceMode.Precompute || (_options.Reference == ReferenceMode.Auto && _options.ReferenceUpdate is null && plan.ComesAgain);

    private static ReferenceValues ValuesOf(Job job, BatchPlan plan, ImmutableDictionary<string, PairSet> sets, IBufferProvider memory) => new(
        memory,
        job.EvaluationSets.Select(set => (sets[set.Name], Rows: sets[set.Name].All.ToArray())).Prepend((sets[PairSet.Train], plan.Visited(job.StartStep, job.Plan.Rows))));

    /// <summary>Where every value lies on disk already, the reference is never loaded.</summary>
    private ReferenceLogps References(Job job, JobModels models, CausalLM policy, ImmutableDictionary<string, PairSet> sets, ReferenceValues? values)
    {
        var logps = new ReferenceLogps(() => models.ReferenceOf(policy), policy.Device, _options.LogprobChunk, values)
        {
            Stores = values is null || _options.ReferenceCache is null ? ImmutableDictionary<string, ReferenceStore>.Empty : StoresOf(job, _options.ReferenceCache, sets.Keys),
        };
        if (values is null || logps.TakeFromDisk().Contains(false))
        {
            logps.Load();
        }

        return logps;
    }

    /// <summary>On a machine that has no such folder and cannot make it, values stay in this process.</summary>
    private ImmutableDictionary<string, ReferenceStore> StoresOf(Job job, string folder, IEnumerable<string> sets)
    {
        var stores = ImmutableDictionary.CreateBuilder<string, ReferenceStore>();
        var computing = $"bf16 {_options.Bf16}, chunk {_options.LogprobChunk}, {TorchRuntime.ComputeFingerprint()}";
        try
        {
            foreach (var set in sets)
            {
                if (ReferenceStore.KeyOf(job, set, computing) is { } key)
                {
                    stores.Add(set, new ReferenceStore(folder, key));
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            stores.Clear();
        }

        return stores.ToImmutable();
    }

    private ImmutableDictionary<string, PairSet> OpenSets(Job job, JobFolders folders)
    {
        var sets = ImmutableDictionary.CreateBuilder<string, PairSet>(StringComparer.Ordinal);
        foreach (var (name, rows) in job.EvaluationSets.Select(set => (set.Name, set.Pairs)).Prepend((PairSet.Train, job.Plan.Rows)))
        {
            var pairs = EncodedPairs.Open(folders.PathOf($"pairs/{name}.pairs"));
            sets.Add(name, new PairSet(name, pairs));
            var (found, needed) = ((pairs.Count, pairs.CompletionsPerRow, pairs.Note), (rows, _objective.Needs.CompletionsPerRow, RowNotes.Of(_objective.Needs)));
            if (found != needed)
            {
                static string Told((int Rows, int Completions, RowNote Note) of) => $"{of.Rows} rows of {of.Completions} completion(s){RowNotes.Told(of.Note)}";
                throw new InvalidDataException(
                    $"pairs/{name}.pairs holds {Told(found)}; the run needs {Told(needed)} for {_objective.Name}. Prepare the data again.");
            }
        }

        return sets.ToImmutable();
    }

    private static TrainerState ReadState(Job job, JobFolders folders)
    {
        var path = folders.PathOf($"checkpoint/{TrainerState.FileName}");
        var state = TrainerState.Read(path);
        if (state.GlobalStep != job.StartStep || (job.StateDigest is { } digest && digest != state.Digest) || state.Seed != job.Plan.Seed)
        {
            throw new InvalidDataException(
                $"{path} is of step {state.GlobalStep}, seed {state.Seed} and digest {state.StateDigest}; the run resumes step {job.StartStep} with seed {job.Plan.Seed}"
                + $"{(job.StateDigest is { } wanted ? $" and digest {TrainerState.Hex(wanted)}" : "")}. Resume from a checkpoint of this run.");
        }

        return state;
    }
}
