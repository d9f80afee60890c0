using System.Collections.Immutable;

namespace Orchestrator.Collectives.Groups;

/// <summary>
/// Which ranks see each other's memory ("host" here), and which of a host's ranks speaks for it: a slice that another host's rank owns
/// is handled by the rank whose place on its own host is the owner's number modulo the host's ranks, so that the work is spread evenly.
/// </summary>
internal sealed class Topology
{
    private readonly ImmutableArray<int> _hostOf;
    private readonly ImmutableArray<ImmutableArray<int>> _ranks;

    private Topology(IEnumerable<int> hostOf)
    {
        _hostOf = [.. hostOf];
        _ranks = [.. Enumerable.Range(0, _hostOf.Max() + 1).Select(host => Enumerable.Range(0, _hostOf.Length).Where(r => _hostOf[r] == host).ToImmutableArray())];
    }

    public int WorldSize => _hostOf.Length;

    public int Hosts => _ranks.Length;

    /// <summary>More than one host, and one of them has more than one rank.</summary>
    public bool IsMixed => Hosts > 1 && Hosts < WorldSize;

    /// <exception cref="ArgumentException">Shared memory is demanded of ranks that share none.</exception>
    public static Topology Of(GroupOptions options)
    {
        if (options.Transport == Transport.Grpc)
        {
            return Flat(options.WorldSize);
        }

        var hosts = options.Members.Select(member => member.HostId).Distinct().ToList();
        return options.Transport == Transport.Auto || hosts.Count == 1
            ? new Topology(options.Members.Select(member => hosts.IndexOf(member.HostId)))
            : throw new ArgumentException($"Transport shm needs all ranks on one host; they stand on {hosts.Count}. Use transport auto.");
    }

    /// <summary>Every rank alone.</summary>
    public static Topology Flat(int worldSize) => new(Enumerable.Range(0, worldSize));

    public ImmutableArray<int> RanksBeside(int rank) => _ranks[_hostOf[rank]];

    public bool Together(int a, int b) => _hostOf[a] == _hostOf[b];

    /// <summary>Who, on the host of <paramref name="rank"/>, exchanges the slice of an owner on another host; the owner itself on its own.</summary>
    public int Speaker(int rank, int owner)
    {
        var ranks = RanksBeside(rank);
        return Together(rank, owner) ? owner : ranks[owner % ranks.Length];
    }

    /// <summary>True where <paramref name="rank"/> sends its host's nodes of the owner's slice to the owner, and gets the sum back.</summary>
    public bool Exchanges(int rank, int owner) => !Together(rank, owner) && Speaker(rank, owner) == rank;
}
