using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Keys and values of the tokens a model has already seen, one pair of [rows, heads, tokens, head size] a layer. Room grows by doubling, so that
/// a token costs its own copy and not that of all before it. For passes under no_grad.
/// </summary>
public sealed class KeyValueCache(int layers) : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers = new (Tensor, Tensor)?[layers];

    /// <summary>Tokens seen so far, padding included.</summary>
    public long Tokens { get; private set; }

    /// <summary>Appends one layer's new keys and values and returns all of them: views, which the caller's dispose scope ends.</summary>
    /// <remarks>A pass appends to every layer once, in order; the last one completes the tokens.</remarks>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        var all = Tokens + keys.size(2);
        var (roomKeys, roomValues) = _layers[layer] is { } room ? (Grown(room.Keys, all), Grown(room.Values, all)) : (Room(keys, all), Room(values, all));
        _layers[layer] = (roomKeys, roomValues);
        using var newKeys = roomKeys.narrow(2, Tokens, keys.size(2)).copy_(keys);
        using var newValues = roomValues.narrow(2, Tokens, keys.size(2)).copy_(values);
        Tokens = layer == _layers.Length - 1 ? all : Tokens;
        return (roomKeys.narrow(2, 0, all), roomValues.narrow(2, 0, all));
    }

    /// <summary>Goes on with some of the rows, in the order given.</summary>
    public void KeepRows(IReadOnlyCollection<int> rows)
    {
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            if (_layers[layer] is { } all)
            {
                _layers[layer] = (Selected(all.Keys, rows), Selected(all.Values, rows));
            }
        }
    }

    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
    }

    private static Tensor Room(Tensor like, long tokens) =>
        empty([like.size(0), like.size(1), tokens, like.size(3)], like.dtype, like.device).DetachFromDisposeScope();

    private static Tensor Grown(Tensor room, long tokens)
    {
        if (room.size(2) >= tokens)
        {
            return room;
        }

        var grown = Room(room, Math.Max(tokens, 2 * room.size(2)));
        using (room)
        {
            using var start = grown.narrow(2, 0, room.size(2)).copy_(room);
        }

        return grown;
    }

    private static Tensor Selected(Tensor room, IReadOnlyCollection<int> rows)
    {
        using var index = tensor(rows.Select(row => (long)row).ToArray(), device: room.device);
        using (room)
        {
            return room.index_select(0, index).DetachFromDisposeScope();
        }
    }
}
