using Akka.Actor;
using Akka.Cluster;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Which control nodes have said, a moment ago, that another one's machine refuses connections to it.</summary>
/// <param name="fresh">For how long a statement counts.</param>
internal sealed class Witnesses(TimeSpan fresh)
{
    private readonly Dictionary<UniqueAddress, Dictionary<Address, TimeSpan>> _seen = [];

    public void Add(UniqueAddress gone, Address witness, TimeSpan now)
    {
        if (!_seen.TryGetValue(gone, out var seen))
        {
            _seen.Add(gone, seen = []);
        }

        seen[witness] = now;
    }

    /// <summary>
    /// True where this node has seen it itself, and with it more than half of all control nodes, the one that is gone counted among them: what only a
    /// minority sees is a rule of a firewall as likely as a death.
    /// </summary>
    /// <param name="control">All control nodes of the cluster.</param>
    public bool Agree(UniqueAddress gone, Address self, IReadOnlyCollection<Address> control, TimeSpan now)
    {
        bool Counts(Address witness) => _seen.TryGetValue(gone, out var seen) && seen.TryGetValue(witness, out var at) && now - at <= fresh;
        return Counts(self) && control.Count(witness => witness != gone.Address && Counts(witness)) * 2 > control.Count;
    }

    public void Forget(UniqueAddress gone) => _seen.Remove(gone);
}
