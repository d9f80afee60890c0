using System.Runtime.InteropServices;
using Orchestrator.Collectives.Memory;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>A sum so small that every rank gets all nodes of all others with their first word, and adds them itself: along the same tree, to the same bits.</summary>
internal sealed class OneHop
{
    private readonly Lock _gate = new();
    private readonly OperationPlan _plan;
    private readonly FloatBuffer _result;
    private readonly byte[]?[] _nodes;

    public OneHop(OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result)
    {
        (_plan, _result, _nodes) = (plan, result, new byte[plan.WorldSize][]);
        Own = new byte[mine.Count * plan.Length * sizeof(float)];
        for (var node = 0; node < mine.Count; node++)
        {
            MemoryMarshal.AsBytes(mine[node].Span).CopyTo(Own.AsSpan((int)(node * plan.Length * sizeof(float))));
        }

        _nodes[plan.Rank] = Own;
    }

    /// <summary>This rank's nodes, one after the other.</summary>
    public byte[] Own { get; }

    /// <summary>Bytes that come from a rank.</summary>
    public long BytesFrom(int rank) => _plan.NodesOf(rank) * _plan.Length * sizeof(float);

    /// <summary>Takes a rank's nodes; the last of them makes the sum.</summary>
    public void Take(int from, ReadOnlySpan<byte> nodes)
    {
        bool all;
        lock (_gate)
        {
            _nodes[from] = nodes.ToArray();
            all = _nodes.All(bytes => bytes is not null);
        }

        if (all)
        {
            Add();
        }
    }

    private unsafe void Add()
    {
        var pins = _nodes.Select(bytes => GCHandle.Alloc(bytes, GCHandleType.Pinned)).ToArray();
        var terms = new Term[_plan.Terms];
        for (var rank = 0; rank < pins.Length; rank++)
        {
            for (var node = 0; node < _plan.NodesOf(rank); node++)
            {
                terms[_plan.Slot(rank, node)] = new Term(pins[rank].AddrOfPinnedObject() + (nint)(node * _plan.Length * sizeof(float)), Half: false);
            }
        }

        _plan.Sum!.Run(terms, (float*)_result.Address, _plan.Length);
        Array.ForEach(pins, pin => pin.Free());
    }
}
