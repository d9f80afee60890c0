using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>First line of the desk to a rank. Who knows the token answers with it: the token itself never passes here.</summary>
internal sealed record Challenge(string Nonce)
{
    public static Challenge Draw() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));

    public string Answer(string token) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(Nonce)));

    public bool IsAnsweredBy(string? answer, string token) =>
        answer is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(answer), Encoding.UTF8.GetBytes(Answer(token)));
}

/// <summary>First line of a rank to the desk.</summary>
internal sealed record Arrival(string Answer);

/// <summary>The desk's answer: what is to be measured.</summary>
internal sealed record TaskSheet(ImmutableArray<long> Bytes, Transport Transport, WireType Wire, int Rounds, int Repeats, int ChunkBytes, int Connections, bool Tls, string? Refusal);

/// <summary>The rank listens.</summary>
internal sealed record Listening(string Endpoint);

/// <summary>All ranks listen: who is who.</summary>
internal sealed record Seat(string RunId, int Rank, ImmutableArray<string> Members);

/// <summary>What a rank measured of one size in one round.</summary>
/// <param name="Milliseconds">Of each timed operation.</param>
/// <param name="CpuSeconds">Of this rank's process, all threads, during those operations together.</param>
/// <param name="PassMilliseconds">Median of a[i] += b[i] over buffers of this size on one thread meanwhile; 0 on ranks other than 0.</param>
/// <param name="AllocatedBytes">Managed memory this rank's process has allocated meanwhile.</param>
/// <param name="Wrong">Elements that were not the sum, over all operations.</param>
internal sealed record Measurement(
    int Rank, int ProcessId, int Round, long Bytes, double[] Milliseconds, double CpuSeconds, double PassMilliseconds, long PeakRssBytes, int Gen2Collections, long AllocatedBytes, long Wrong, string? Error);
