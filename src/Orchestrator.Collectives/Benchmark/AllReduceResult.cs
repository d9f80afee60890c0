using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>One size, over all rounds; as one line of JSON it has the peers' field names. 1 GB = 1e9 bytes.</summary>
/// <param name="MedianMs">Of rank 0's operations, from a barrier (sizes above 64 KiB) to the result.</param>
/// <param name="AlgbwGbs">Bytes / median.</param>
/// <param name="BusbwGbs">Algbw · 2(n-1)/n, as nccl-tests define it.</param>
/// <param name="CpuSecondsPerGb">All threads of all ranks, per GB of one rank's buffer.</param>
/// <param name="Gen2PerGib">Full garbage collections of one rank per GiB of its buffer reduced, mean over ranks.</param>
/// <param name="AllocatedPerGib">Managed bytes allocated meanwhile, per GiB, mean over ranks.</param>
/// <param name="PassMs">Median of a[i] += b[i] over this size on one thread, in the same rounds.</param>
public sealed record AllReduceResult(
    [property: JsonPropertyName("peer")] string Peer,
    [property: JsonPropertyName("ranks")] int Ranks,
    [property: JsonPropertyName("bytes")] long Bytes,
    [property: JsonPropertyName("transport")] string Transport,
    [property: JsonPropertyName("wire")] string Wire,
    [property: JsonPropertyName("reps")] int Reps,
    [property: JsonPropertyName("median_ms")] double MedianMs,
    [property: JsonPropertyName("min_ms")] double MinMs,
    [property: JsonPropertyName("p99_ms")] double P99Ms,
    [property: JsonPropertyName("algbw_gbs")] double AlgbwGbs,
    [property: JsonPropertyName("busbw_gbs")] double BusbwGbs,
    [property: JsonPropertyName("cpu_seconds_per_gb")] double CpuSecondsPerGb,
    [property: JsonPropertyName("peak_rss_mb_max")] double PeakRssMb,
    [property: JsonPropertyName("gen2_per_gib")] double Gen2PerGib,
    [property: JsonPropertyName("allocated_bytes_per_gib")] double AllocatedPerGib,
    [property: JsonPropertyName("pass_ms")] double PassMs,
    [property: JsonPropertyName("memcpy_gbs")] double MemcpyGbs,
    [property: JsonPropertyName("loopback_gbs")] double LoopbackGbs,
    [property: JsonPropertyName("correct")] bool Correct,
    [property: JsonPropertyName("wrong_elements")] long WrongElements)
{
    internal static AllReduceResult Of(AllReduceBenchmarkOptions options, MachineSpeed machine, long bytes, ImmutableArray<Measurement> all)
    {
        var measured = all.Where(m => m.Bytes == bytes).ToArray();
        var times = measured.Where(m => m.Rank == 0).SelectMany(m => m.Milliseconds).Order().ToArray();
        var (median, operations) = (times[times.Length / 2], times.Length);
        var gibs = operations * (bytes / 1073741824.0);
        var algbw = bytes / median / 1e6;
        var cpu = measured.GroupBy(m => (m.ProcessId, m.Round)).Sum(process => process.Max(m => m.CpuSeconds));
        var (transport, wire) = (options.OneProcess && options.Transport != Collectives.Transport.Grpc ? "reference" : options.Transport.ToString().ToLowerInvariant(), options.Wire.ToString().ToLowerInvariant());
        return new AllReduceResult(
            $"orchestrator {transport} {wire}",
            options.Ranks,
            bytes,
            transport,
            wire,
            operations,
            median,
            times[0],
            times[(int)(operations * 0.99)],
            algbw,
            algbw * 2 * (options.Ranks - 1) / options.Ranks,
            cpu / operations / (bytes / 1e9),
            measured.Max(m => m.PeakRssBytes) / 1048576.0,
            measured.Average(m => m.Gen2Collections) * options.Rounds / gibs,
            measured.Average(m => m.AllocatedBytes) * options.Rounds / gibs,
            Median(measured.Where(m => m.Rank == 0).Select(m => m.PassMilliseconds)),
            machine.Memcpy,
            machine.Loopback,
            measured.All(m => m.Wrong == 0),
            measured.Sum(m => m.Wrong));
    }

    /// <summary>With numbers of 4 digits, as a person or another program reads them.</summary>
    public string ToJson()
    {
        using var document = JsonSerializer.SerializeToDocument(this);
        var fields = document.RootElement.EnumerateObject().ToDictionary(
            field => field.Name,
            field => field.Value.ValueKind == JsonValueKind.Number && !field.Value.TryGetInt64(out _) ? Rounded(field.Value.GetDouble()) : (object)field.Value);
        return JsonSerializer.Serialize(fields);
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[sorted.Length / 2] : 0;

    private static double Rounded(double value) => value == 0 ? 0 : Math.Round(value, Math.Clamp(4 - (int)Math.Ceiling(Math.Log10(Math.Abs(value))), 0, 9));
}
