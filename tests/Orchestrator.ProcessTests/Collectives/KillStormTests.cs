using System.Globalization;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>kill -9 at a random moment, again and again, under the same two survivors. ORCHESTRATOR_KILLS says how often; 5 unless told.</summary>
public sealed class KillStormTests
{
    private const int Settled = 3;

    private static int Kills => int.TryParse(Environment.GetEnvironmentVariable("ORCHESTRATOR_KILLS"), CultureInfo.InvariantCulture, out var kills) ? kills : 5;

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task Survivors_of_many_kills_have_lost_nothing_and_kept_nothing(Transport transport)
    {
        var before = Directory.GetFileSystemEntries("/dev/shm");
        var random = new SplitMix64(1, (long)transport);
        await using var group = await PuppetGroup.StartAsync(2);
        var settled = Array.Empty<Reply>();
        for (var kill = 1; kill <= Kills + Settled; kill++)
        {
            var victim = await group.AddAsync();
            var how = PuppetGroup.How(transport, kill);
            await group.FormAsync(how);
            var storm = Enumerable.Range(0, 2).Select(rank => ReduceUntilItBreaksAsync(group.Ranks[rank], how)).ToArray();
            var dying = ReduceUntilItBreaksAsync(victim, how);
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(300)));
            await victim.KillAsync();
            foreach (var end in await Task.WhenAll(storm))
            {
                Assert.True(end.Suspect == 2, $"kill {kill}: rank {end.Suspect} is blamed: {end.Error}");
            }

            await Assert.ThrowsAnyAsync<IOException>(() => dying);
            await victim.DisposeAsync();
            group.Ranks.RemoveAt(2);
            settled = kill == Settled ? await LookAsync(group) : settled;
        }

        foreach (var (now, then) in (await LookAsync(group)).Zip(settled))
        {
            Assert.InRange(now.Descriptors, 0, then.Descriptors + 8);
            Assert.InRange(now.SharedMappings, 0, then.SharedMappings + 1);
            Assert.InRange(now.Threads, 0, then.Threads + 12);
            Assert.InRange(now.MemoryBytes, 0, then.MemoryBytes + (48 << 20));
        }

        Assert.Equal(before, Directory.GetFileSystemEntries("/dev/shm"));
    }

    /// <summary>The third is killed while the three meet: before anybody has reached it, between one and the other, or as the last handshake ends.</summary>
    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task Survivors_of_kills_within_the_meeting_name_the_dead_one_and_meet_again(Transport transport)
    {
        var before = Directory.GetFileSystemEntries("/dev/shm");
        var random = new SplitMix64(2, (long)transport);
        await using var group = await PuppetGroup.StartAsync(2);
        for (var kill = 1; kill <= Kills; kill++)
        {
            var victim = await group.AddAsync();
            var how = PuppetGroup.How(transport, 2 * kill, deadline: 2) with { ConnectSeconds = 20 };
            var meeting = group.Form(how);
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(60)));
            await victim.KillAsync();
            foreach (var rank in Enumerable.Range(0, 2))
            {
                var met = await meeting[rank];
                var end = met.Error is null ? await ReduceUntilItBreaksAsync(group.Ranks[rank], how) : met;
                Assert.True(end.Suspect == 2, $"kill {kill}: rank {end.Suspect} is blamed in {end.Phase}: {end.Error}");
            }

            _ = await Record.ExceptionAsync(() => meeting[2]);   // it may have met, and answered, before it died
            await victim.DisposeAsync();
            group.Ranks.RemoveAt(2);
            var next = PuppetGroup.How(transport, 2 * kill + 1);
            await group.FormAsync(next);
            await group.ReduceRightAsync(next);
        }

        Assert.Equal(before, Directory.GetFileSystemEntries("/dev/shm"));
    }

    private static async Task<Reply> ReduceUntilItBreaksAsync(PuppetRank rank, Command how)
    {
        for (var step = 0; ; step++)
        {
            var reply = await rank.SendAsync(how with { Verb = "reduce", Step = step, Floats = 300_000 });
            if (reply.Error is not null)
            {
                return reply;
            }

            Assert.Equal(0, reply.Wrong);
        }
    }

    /// <summary>After everybody has left its group.</summary>
    private static async Task<Reply[]> LookAsync(PuppetGroup group)
    {
        await Task.WhenAll(group.Ranks.Select(rank => rank.SendAsync(new Command { Verb = "leave" })));
        return await Task.WhenAll(group.Ranks.Select(rank => rank.SendAsync(new Command { Verb = "look" })));
    }
}
