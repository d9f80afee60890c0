using System.Collections.Immutable;

namespace Orchestrator.Training.Planning;

/// <summary>A part of a worker's memory.</summary>
/// <param name="Shrink">Keys of the run file that make it smaller; empty where none does.</param>
public sealed record MemoryPart(string Name, long Bytes, ImmutableArray<string> Shrink);

/// <summary>What a step costs, reckoned before it runs.</summary>
/// <param name="Parts">Of the worker that has most to do, with its largest leaf.</param>
/// <param name="Largest">Of all leaves the one that needs most memory.</param>
/// <param name="Flops">Of a mean step, all workers together; a multiplication and an addition are two.</param>
/// <param name="ReducedBytes">Gradients that each worker sends, and receives, in a step; 0 for one worker.</param>
/// <param name="UpdatedBytes">Weights, gradient and states that each worker's optimizer reads and writes in a step.</param>
public sealed record StepPlan(ImmutableArray<MemoryPart> Parts, LeafLoad Largest, double Flops, long ReducedBytes, long UpdatedBytes)
{
    public long Total => Parts.Sum(part => part.Bytes);

    /// <summary>What to do about too little memory: the biggest parts, and the settings that shrink them.</summary>
    /// <param name="most">Parts to name.</param>
    public string Advice(int most = 3)
    {
        var biggest = Parts.OrderByDescending(part => part.Bytes).Take(most).ToArray();
        var keys = biggest.SelectMany(part => part.Shrink).Distinct().ToArray();
        return $"Most of it are {string.Join(", ", biggest.Select(part => $"{part.Name} ({Megabytes(part.Bytes)})"))} of {Megabytes(Total)} reckoned."
            + (keys.Length == 0 ? "" : $" Less: {string.Join("; ", keys)}.");
    }

    /// <summary>In units of 1,048,576 bytes.</summary>
    public static string Megabytes(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:#,0} MB");
}
