namespace Orchestrator.Core;

/// <summary>
/// A small seeded generator whose stream is the same on every machine and .NET version.
/// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
/// </summary>
public sealed class SplitMix64
{
    private ulong _state;

    /// <param name="seed">The run's seed.</param>
    /// <param name="stream">Gives independent streams of the same seed, for example one an epoch.</param>
    public SplitMix64(long seed, long stream = 0) =>
        _state = Mix((ulong)seed) ^ Mix((ulong)stream + 0x9E3779B97F4A7C15UL);

    public ulong Next() => Mix(_state += 0x9E3779B97F4A7C15UL);

    /// <summary>Uniform in [0, bound), without bias.</summary>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        var limit = ulong.MaxValue - ulong.MaxValue % (ulong)bound;
        ulong value;
        do
        {
            value = Next();
        }
        while (value >= limit);
        return (int)(value % (ulong)bound);
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Fisher-Yates.</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
