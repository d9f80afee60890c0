using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Keys and values of the tokens a model has already seen, one pair of [rows, heads, tokens, head size] a layer.</summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers;

    public KeyValueCache(int layers) => _layers = new (Tensor, Tensor)?[layers];

    /// <summary>Tokens seen so far, padding included.</summary>
    public long Tokens { get; private set; }

    /// <summary>Appends one layer's new keys and values and returns all of them, which stay the cache's.</summary>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        var old = _layers[layer];
        var all = old is { } seen
            ? (cat([seen.Keys, keys], 2), cat([seen.Values, values], 2))
            : (keys.contiguous().alias(), values.contiguous().alias());
        old?.Keys.Dispose();
        old?.Values.Dispose();
        _layers[layer] = (all.Item1.DetachFromDisposeScope(), all.Item2.DetachFromDisposeScope());
        if (layer == _layers.Length - 1)
        {
            Tokens += keys.size(2);
        }

        return all;
    }

    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
    }
}
