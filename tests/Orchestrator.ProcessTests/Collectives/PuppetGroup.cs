using Orchestrator.Collectives;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>Rank processes of one test; rank r is process r of whoever is in the generation.</summary>
internal sealed class PuppetGroup : IAsyncDisposable
{
    private readonly List<PuppetRank> _all = [];

    private PuppetGroup(IEnumerable<PuppetRank> ranks) => _all.AddRange(ranks);

    /// <summary>Who is in the generation, in rank order.</summary>
    public List<PuppetRank> Ranks { get; } = [];

    public static async Task<PuppetGroup> StartAsync(int ranks)
    {
        var group = new PuppetGroup(await Task.WhenAll(Enumerable.Range(0, ranks).Select(_ => PuppetRank.StartAsync())));
        group.Ranks.AddRange(group._all);
        return group;
    }

    public async Task<PuppetRank> AddAsync()
    {
        var rank = await PuppetRank.StartAsync();
        _all.Add(rank);
        Ranks.Add(rank);
        return rank;
    }

    /// <param name="route">The endpoint at which the first rank reaches the second; null where it is the second's own.</param>
    public async Task FormAsync(Command how, Func<int, int, string?>? route = null)
    {
        var replies = await TryFormAsync(how, route);
        Assert.All(replies, reply => Assert.Null(reply.Error));
    }

    public Task<Reply[]> TryFormAsync(Command how, Func<int, int, string?>? route = null) => Task.WhenAll(Form(how, route));

    /// <summary>Tells each rank to meet the others; one answer a rank.</summary>
    public Task<Reply>[] Form(Command how, Func<int, int, string?>? route = null) => [.. Ranks.Select((rank, number) => rank.SendAsync(how with
    {
        Verb = "form",
        Rank = number,
        Members = [.. Ranks.Select((other, to) => (number == to ? null : route?.Invoke(number, to)) ?? other.Endpoint)],
    }))];

    /// <summary>Starts the same all-reduce on the given ranks; all where none is given.</summary>
    public Task<Reply>[] Reduce(Command how, params int[] ranks) =>
        [.. (ranks.Length > 0 ? ranks : Enumerable.Range(0, Ranks.Count)).Select(rank => Ranks[rank].SendAsync(how with { Verb = "reduce" }))];

    public async Task ReduceRightAsync(Command how)
    {
        var replies = await Task.WhenAll(Reduce(how));
        Assert.All(replies, reply => Assert.Null(reply.Error));
        Assert.All(replies, reply => Assert.Equal(0, reply.Wrong));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rank in _all)
        {
            await rank.DisposeAsync();
        }
    }

    public static Command How(Transport transport, int generation, int floats = 1_000_000, double deadline = 5) =>
        new() { Verb = "", Transport = transport, Generation = generation, Floats = floats, DeadlineSeconds = deadline };
}
