using Orchestrator.Core;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Steps;

namespace Orchestrator.Training.Planning;

/// <summary>Makes one sentence of libtorch's ways to say that memory is used up: what was computed, what needs most, what makes it less.</summary>
internal static class OutOfMemory
{
    // Of the CPU's allocator, of CUDA's, of cuBLAS and cuDNN, and of the shared buffers here.
    private static readonly string[] Signs = ["can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "Cannot allocate memory"];

    public static bool Is(Exception error) => error is not InsufficientMemoryException && Signs.Any(sign => error.Message.Contains(sign, StringComparison.OrdinalIgnoreCase));

    /// <param name="doing">What failed: "step 3".</param>
    /// <param name="step">Whose leaves count.</param>
    public static InsufficientMemoryException Explain(Exception error, string doing, StepPlanner planner, Job job, StepRows rows, EncodedPairs train, long step)
    {
        LeafLoad[] leaves = [.. Enumerable.Range(0, job.Plan.ToPlan().LeavesInStep(step)).Select(leaf => LeafLoad.OfRows(train, rows.Of(step, leaf)))];
        var plan = planner.Of(job.Plan, new RunLoads(leaves, 1, All: false));
        var first = error.Message.Split('\n')[0].Trim();
        return new InsufficientMemoryException(
            $"Not enough memory for {doing}, whose largest leaf has {plan.Largest.Rows} pairs and {plan.Largest.Tokens} tokens. {plan.Advice()} See: orchestrator plan. (libtorch: {first})", error);
    }

    /// <summary>Of a replica that has begun to train.</summary>
    public static InsufficientMemoryException Explain(Exception error, ReplicaParts parts, StepWork work) => Explain(
        error, $"step {work.Id.Step}",
        new StepPlanner(parts.Policy.Spec, parts.Options, work.Deal.WorldSize)
        {
            Precomputed = parts.Remembered is { IsLoaded: false },
            Adapter = parts.Policy.Adapter is { } adapter ? ([.. adapter.Pairs.Select(pair => pair.Target.Name)], adapter.Spec.Rank) : null,
        },
        parts.Job, parts.Rows, parts.Train.Pairs, work.Id.Step);
}
