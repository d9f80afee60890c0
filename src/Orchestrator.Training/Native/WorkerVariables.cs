using System.Collections.Immutable;
using System.Globalization;

namespace Orchestrator.Training.Native;

/// <summary>What must stand in a worker's environment before it starts, because libgomp, MKL and the C library read it only then.</summary>
internal static class WorkerVariables
{
    /// <param name="threads">Threads of the worker's operations.</param>
    public static ImmutableDictionary<string, string> Of(int threads, FastMath fastMath)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        var count = threads.ToString(CultureInfo.InvariantCulture);
        return ImmutableDictionary.CreateRange(
        [
            // Pools of this size from the start: libtorch would begin with one thread for each core.
            KeyValuePair.Create("OMP_NUM_THREADS", count),
            KeyValuePair.Create("MKL_NUM_THREADS", count),

            // The number is a promise: a sum's bits depend on it.
            KeyValuePair.Create("OMP_DYNAMIC", "FALSE"),
            KeyValuePair.Create("MKL_DYNAMIC", "FALSE"),

            // Waiting threads sleep: on cores shared with other workers a spinning one takes the time of the one it waits for.
            KeyValuePair.Create("OMP_WAIT_POLICY", "PASSIVE"),

            // Two workers bound to cores would be bound to the same ones.
            KeyValuePair.Create("OMP_PROC_BIND", "FALSE"),

            // One heap for all threads: a second one would consist of pieces of 64 MiB, each given back as soon as it is empty.
            KeyValuePair.Create("MALLOC_ARENA_MAX", "1"),
            KeyValuePair.Create(TorchRuntime.FastMathVariable, fastMath.ToString().ToLowerInvariant()),
        ]);
    }
}
