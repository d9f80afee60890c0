using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime;
using Orchestrator.Collectives.Memory;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>One rank's part of the benchmark: reduces buffers of every size in every round, and checks every element of every result.</summary>
internal sealed class RankRun
{
    private const int Warmups = 3;
    private const int MostWarmUpSeconds = 15;
    private const long WarmUpFloats = 1 << 20;
    private const long UntimedBarrierAbove = 64 * 1024;

    private readonly CollectiveGroup _group;
    private readonly TaskSheet _sheet;
    private readonly FloatBuffer _mine;
    private readonly FloatBuffer _result;
    private readonly float[] _expected;
    private readonly float[] _spoilt = [.. Enumerable.Repeat(float.NaN, 4096)];
    private long _step;

    public RankRun(CollectiveGroup group, SharedBuffers memory, TaskSheet sheet)
    {
        (_group, _sheet) = (group, sheet);
        var longest = sheet.Bytes.Max() / sizeof(float);
        (_mine, _result) = (memory.Allocate("mine", longest), memory.Allocate("result", longest));
        var pattern = Pattern(group.Rank, group.WorldSize);
        Each(_mine, pattern.Length, part => pattern.AsSpan(0, part.Length).CopyTo(part));
        _expected = new float[pattern.Length];
        for (var rank = 0; rank < group.WorldSize; rank++)
        {
            TensorPrimitives.Add(_expected, Pattern(rank, group.WorldSize), _expected);
        }
    }

    public async IAsyncEnumerable<Measurement> MeasureAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await WarmUpAsync(cancellation);
        for (var round = 0; round < _sheet.Rounds; round++)
        {
            foreach (var bytes in _sheet.Bytes)
            {
                yield return await MeasureAsync(round, bytes, cancellation);
            }
        }
    }

    /// <summary>
    /// Until the paths that a training run takes for hours have been compiled for speed: the runtime does so in the background, seconds
    /// after a method has become hot. Every rank votes in the first element whether its own still compiles.
    /// </summary>
    private async Task WarmUpAsync(CancellationToken cancellation)
    {
        var (mine, result) = (_mine.Slice(0, Math.Min(_mine.Length, WarmUpFloats)), _result.Slice(0, Math.Min(_mine.Length, WarmUpFloats)));
        var (began, changed, methods) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp(), -1L);
        do
        {
            changed = methods == (methods = JitInfo.GetCompiledMethodCount()) ? changed : Stopwatch.GetTimestamp();
            var compiles = Stopwatch.GetElapsedTime(changed).TotalSeconds < 1 && Stopwatch.GetElapsedTime(began).TotalSeconds < MostWarmUpSeconds;
            mine.Slice(0, 1).Span[0] = compiles ? 1 : 0;
            await _group.AllReduceAsync(Next(), 0, mine, result, cancellation);
            await _group.BarrierAsync(Next(), 0, cancellation);
        }
        while (result.Slice(0, 1).Span[0] > 0);
        mine.Slice(0, 1).Span[0] = Pattern(_group.Rank, _group.WorldSize)[0];
    }

    private async Task<Measurement> MeasureAsync(int round, long bytes, CancellationToken cancellation)
    {
        var (mine, result) = (_mine.Slice(0, bytes / sizeof(float)), _result.Slice(0, bytes / sizeof(float)));
        var pass = _group.Rank == 0 ? Pass(mine, result) : 0;
        var times = new double[_sheet.Repeats > 0 ? _sheet.Repeats : RepeatsFor(bytes)];
        var (cpu, wrong, gen2, allocated) = (TimeSpan.Zero, 0L, GC.CollectionCount(2), GC.GetTotalAllocatedBytes());
        for (var i = -Warmups; i < times.Length; i++)
        {
            (gen2, allocated) = i == 0 ? (GC.CollectionCount(2), GC.GetTotalAllocatedBytes()) : (gen2, allocated);
            Spoil(result);
            await ApartAsync(bytes, cancellation);
            var (began, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            await _group.AllReduceAsync(Next(), 0, mine, result, cancellation);
            var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            if (i >= 0)
            {
                times[i] = took;
                cpu += Environment.CpuUsage.TotalTime - used;
            }

            await ApartAsync(bytes, cancellation);
            Each(result, _expected.Length, part => wrong += Wrong(part));
        }

        (gen2, allocated) = (GC.CollectionCount(2) - gen2, GC.GetTotalAllocatedBytes() - allocated);
        return new Measurement(_group.Rank, Environment.ProcessId, round, bytes, times, cpu.TotalSeconds, pass, PeakRss(), gen2, allocated, wrong, null);
    }

    /// <summary>Untimed: no rank prepares or checks its buffers while another still reduces, and takes a processor or the memory from it.</summary>
    private Task ApartAsync(long bytes, CancellationToken cancellation) => bytes > UntimedBarrierAbove ? _group.BarrierAsync(Next(), 0, cancellation) : Task.CompletedTask;

    /// <summary>Past the cache: a run's optimizer has read its result, and leaves no line of it modified in a cache.</summary>
    private unsafe void Spoil(FloatBuffer result)
    {
        fixed (float* spoilt = _spoilt)
        {
            for (long at = 0; at < result.Length; at += _spoilt.Length)
            {
                var part = result.Slice(at, Math.Min(_spoilt.Length, result.Length - at));
                Streaming.Copy((nint)spoilt, part.Address, part.Bytes);
            }
        }
    }

    private StepId Next() => new(0, 0, _step++, 0);

    private static int RepeatsFor(long bytes) => bytes switch
    {
        <= 64 << 10 => 500,
        <= 1 << 20 => 100,
        <= 64 << 20 => 20,
        _ => 8,
    };

    /// <summary>
    /// Whole numbers whose sum over all ranks has at most 8 bits, so that both wires carry it exactly; unlike at neighbouring places and at those that
    /// are 4096 apart, so that a chunk in another's place shows.
    /// </summary>
    internal static float[] Pattern(int rank, int worldSize)
    {
        var values = Math.Max(2, 255 / worldSize);
        return [.. Enumerable.Range(0, values * 4096).Select(i => (float)(((long)i + (i >> 12) + rank * 13) % values))];
    }

    private long Wrong(Span<float> part)
    {
        var wrong = 0L;
        if (!part.SequenceEqual(_expected.AsSpan(0, part.Length)))
        {
            for (var i = 0; i < part.Length; i++)
            {
                wrong += part[i] == _expected[i] ? 0 : 1;
            }
        }

        return wrong;
    }

    /// <summary>What memory allows: b[i] += a[i] on one thread, median of 3 after one, milliseconds.</summary>
    private static double Pass(FloatBuffer a, FloatBuffer b)
    {
        var times = Enumerable.Range(0, 4).Select(_ =>
        {
            var began = Stopwatch.GetTimestamp();
            for (long at = 0; at < a.Length; at += 1 << 28)
            {
                var length = Math.Min(1 << 28, a.Length - at);
                TensorPrimitives.Add(b.Slice(at, length).Span, a.Slice(at, length).Span, b.Slice(at, length).Span);
            }

            return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }).Skip(1).Order().ToArray();
        return times[1];
    }

    private static void Each(FloatBuffer buffer, int longest, SpanAction action)
    {
        for (long at = 0; at < buffer.Length; at += longest)
        {
            action(buffer.Slice(at, Math.Min(longest, buffer.Length - at)).Span);
        }
    }

    private static long PeakRss()
    {
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return line is null ? Process.GetCurrentProcess().PeakWorkingSet64 : 1024 * long.Parse(line[6..^2], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
    }

    private delegate void SpanAction(Span<float> part);
}
