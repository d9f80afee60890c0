using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>What rank 1 says to rank 0 passes through a proxy that harms bytes wherever they fall: payload, gRPC prefix, HTTP/2 frame or window.</summary>
[Collection(RealSockets.Name)]
public sealed class RawWireTests
{
    private const int Floats = 200_000;
    private const int Steps = 3;

    // What rank 1 sends in three steps: half of the contributions, half of the sums, 4 bytes each.
    private const int BytesOfAllSteps = Steps * Floats * sizeof(float);

    public enum Harm
    {
        Flipped,
        Lost,
        Doubled,
        Closed,
        Silent,
    }

    public static TheoryData<Harm, int> Cases()
    {
        var data = new TheoryData<Harm, int>();
        foreach (var harm in Enum.GetValues<Harm>())
        {
            for (var seed = 0; seed < (harm == Harm.Silent ? 2 : 8); seed++)
            {
                data.Add(harm, seed);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Whatever_becomes_of_the_bytes_a_sum_is_right_or_the_call_ends_and_names_the_peer(Harm harm, int seed)
    {
        var random = new SplitMix64(seed, (long)harm);
        var wire = new HarmedBytes(harm, random.Next(BytesOfAllSteps), 1 << random.Next(8));
        await using var harness = await RankHarness.StartAsync(2, Way.Grpc);
        await using var proxy = new TcpProxy(harness.Servers[1].Endpoint.Address, wire.Meddle);
        await NextAsync(2, o => o.Rank == 0 ? o with { Members = o.Members.SetItem(1, o.Members[1] with { Address = proxy.Address }) } : o);
        wire.Begin();
        var failed = false;
        for (var step = 0; step < Steps && !failed; step++)
        {
            var ends = await ReduceAsync(2, step);
            failed = ends.Any(end => end is not null);
            Assert.All(ends.Index(), end => Assert.True(
                end.Item is null || (end.Item as CollectiveException)?.Suspect == 1 - end.Index, $"rank {end.Index} ended with {end.Item}"));
        }

        Assert.True(wire.Done, "nothing was harmed");
        Assert.True(failed || harm is Harm.Flipped or Harm.Lost or Harm.Doubled, "what was cut off went on");
        await NextAsync(3, o => o);
        Assert.All(await ReduceAsync(3, 0), Assert.Null);

        async Task NextAsync(int generation, Func<GroupOptions, GroupOptions> change)
        {
            await Task.WhenAll(harness.Groups.Select(g => g.DisposeAsync().AsTask())).WaitAsync(RankHarness.Patience);
            await harness.FormAsync(generation, o => change(o with { ProgressDeadline = TimeSpan.FromSeconds(3), ChunkBytes = 16 * 1024 }));
        }

        async Task<Exception?[]> ReduceAsync(int generation, int step)
        {
            var mine = harness.Groups.Select(g => harness.Filled(g, Floats, i => (i + step) % 251 * (g.Rank + 1))).ToArray();
            var results = harness.Groups.Select(g => harness.Allocate(g, Floats)).ToArray();
            return await Task.WhenAll(harness.Groups.Select(async g =>
            {
                var end = await Record.ExceptionAsync(() => g.AllReduceAsync(new StepId(1, generation, step, 0), 0, mine[g.Rank], results[g.Rank]).WaitAsync(RankHarness.Patience));
                Assert.True(end is not null || Enumerable.Range(0, Floats).All(i => results[g.Rank].Span[i] == (i + step) % 251 * 3), "a wrong sum passed for a right one");
                return end;
            }));
        }
    }

    /// <summary>Counts bytes from <see cref="Begin"/> on and harms those at one place.</summary>
    private sealed class HarmedBytes(Harm harm, int where, int bit)
    {
        private long _begun;
        private long _seen;

        public bool Done { get; private set; }

        public void Begin() => Volatile.Write(ref _begun, 1);

        public Memory<byte>? Meddle(int connection, long passed, Memory<byte> bytes)
        {
            if (Volatile.Read(ref _begun) == 0)
            {
                return bytes;
            }

            if (Done)
            {
                return harm is Harm.Silent ? Memory<byte>.Empty : bytes;
            }

            var at = (int)Math.Min(where - _seen, bytes.Length);
            _seen += bytes.Length;
            if (at == bytes.Length)
            {
                return bytes;
            }

            Done = true;
            bytes.Span[at] ^= (byte)(harm == Harm.Flipped ? bit : 0);
            return harm switch
            {
                Harm.Flipped => bytes,
                Harm.Lost => bytes[..at],
                Harm.Doubled => (byte[])[.. bytes.Span, .. bytes.Span[at..]],
                Harm.Closed => null,
                _ => Memory<byte>.Empty,
            };
        }
    }
}
