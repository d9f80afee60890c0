using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.Doctor;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;
using Orchestrator.Training.Planning;

namespace Orchestrator.Host.Runs;

/// <summary>What the steps of a run need, reckoned from its settings and its prepared rows.</summary>
public sealed class RunPlanner : IDisposable
{
    /// <summary>Share of a machine's free memory that workers may take.</summary>
    private const double UsableShare = 0.9;

    private readonly Settings _settings;
    private readonly ImmutableArray<int> _rowsOfSources;
    private readonly EncodedPairs _train;
    private readonly StepPlanner _planner;
    private readonly bool _cpu;

    /// <param name="pairs">The prepared rows to train on.</param>
    public RunPlanner(Settings settings, ImmutableArray<int> rowsOfSources, string pairs, IReadOnlyList<WorkerPlace> places)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(places);
        (_settings, _rowsOfSources, _train, _cpu) = (settings, rowsOfSources, EncodedPairs.Open(pairs), places.Count > 0 && places.All(place => place.Device == "cpu"));
        Workers = Math.Max(1, settings.Of(ClusterKeys.WaitForWorkers) ?? places.Count);
        Local = Math.Max(1, places.Count);
        var (model, reference, adapter) = (settings.Of(ModelKeys.Path), settings.Of(ModelKeys.Reference), settings.Of(ModelKeys.Adapter));
        _planner = new StepPlanner(Describe(model), Mapping.Replica(settings, "cpu", null), Workers)
        {
            Reference = reference is null || reference == model ? null : Describe(reference),
            Adapter = adapter is null ? null : AdapterDirectory.Check(adapter, Describe(model)) is var (lora, targets) ? ([.. targets.Select(target => target.Name)], lora.Rank) : null,
        };
    }

    /// <summary>Of the run.</summary>
    public int Workers { get; }

    /// <summary>On this machine, which share its memory.</summary>
    public int Local { get; }

    /// <summary>Bytes that a worker may take; null where the run file does not say and this machine cannot be asked: they are accelerators, or all on other machines.</summary>
    public long? MemoryOfWorker => _settings.Of(ClusterKeys.MemoryPerWorker) is { } gigabytes ? (long)(gigabytes * (1L << 30))
        : _cpu ? (long)(MachineMemory.Available * UsableShare / Local)
        : null;

    /// <param name="precomputed">The reference is out of memory before the first step.</param>
    public StepPlan Of(int pairsPerLeaf, bool precomputed)
    {
        var plan = Mapping.Plan(_settings.With(DataKeys.PairsPerLeaf, pairsPerLeaf), _rowsOfSources);
        return (_planner with { Precomputed = precomputed }).Of(plan, RunLoads.Of(plan, _train));
    }

    /// <summary>The most pairs of a leaf that fit, each worker having at least one leaf; null where not even one pair does.</summary>
    public (int PairsPerLeaf, StepPlan Plan)? Largest(long bytes, bool precomputed)
    {
        (int, StepPlan)? best = null;
        foreach (var pairs in Choices)
        {
            var plan = Of(pairs, precomputed);
            if (plan.Total > bytes)
            {
                break;
            }

            best = (pairs, plan);
        }

        return best;
    }

    public void Dispose() => _train.Dispose();

    // Divisors of the step, so that its leaves are full.
    private IEnumerable<int> Choices
    {
        get
        {
            var step = _settings.Of(DataKeys.PairsPerStep);
            return Enumerable.Range(1, Math.Max(1, step / Workers)).Where(pairs => step % pairs == 0);
        }
    }

    private static DecoderSpec Describe(string model) => Family.Describe(ModelConfig.Load(model));
}
