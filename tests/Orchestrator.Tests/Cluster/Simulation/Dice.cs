using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Chance, from the schedule's seed.</summary>
internal sealed class Dice(long seed)
{
    private readonly SplitMix64 _random = new(seed);

    public bool Chance(double probability) => probability > 0 && _random.NextDouble() < probability;

    public int Of(int count) => _random.Next(count);

    /// <summary>Both included.</summary>
    public int Between(int low, int high) => low + _random.Next(high - low + 1);

    public TimeSpan Milliseconds(double low, double high) => TimeSpan.FromMicroseconds((long)((low + (high - low) * _random.NextDouble()) * 1000));

    public T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
