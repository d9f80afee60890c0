using Orchestrator.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Prompts that go through the model together, padded on the left so that the newest token of all stands in one column. A row leaves the
/// batch, and the cache, as soon as it has met its end.
/// </summary>
internal sealed class GenerationBatch : IDisposable
{
    private readonly CausalLM _model;
    private readonly GenerationOptions _options;
    private readonly SplitMix64[] _random;
    private readonly List<int>[] _results;
    private readonly int[][] _prompts;
    private readonly KeyValueCache _cache;
    private readonly int _width;
    private int[] _live;

    /// <param name="random">One stream a prompt.</param>
    public GenerationBatch(CausalLM model, int[][] prompts, SplitMix64[] random, GenerationOptions options)
    {
        (_model, _prompts, _random, _options) = (model, prompts, random, options);
        _cache = new KeyValueCache(model.Spec.Layers.Length);
        _results = [.. prompts.Select(_ => new List<int>())];
        _live = [.. Enumerable.Range(0, prompts.Length)];
        _width = prompts.Max(prompt => prompt.Length);
    }

    public int[][] Run(CancellationToken cancellation)
    {
        using var guard = no_grad();
        var ids = _prompts.SelectMany(prompt => Enumerable.Repeat(0L, _width - prompt.Length).Concat(prompt.Select(id => (long)id))).ToArray();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var next = Step(ids);
            for (var i = 0; i < next.Length; i++)
            {
                _results[_live[i]].Add(next[i]);
            }

            DropFinished();
            if (_live.Length == 0)
            {
                return [.. _results.Select(result => result.ToArray())];
            }

            ids = [.. _live.Select(row => (long)_results[row][^1])];
        }
    }

    public void Dispose() => _cache.Dispose();

    /// <summary>The next token of every live row.</summary>
    /// <param name="ids">Of the live rows, row by row, all of one length: the whole prompts first, then one token each.</param>
    private int[] Step(long[] ids)
    {
        using var scope = NewDisposeScope();
        var (device, tokens, past) = (_model.Device, ids.Length / _live.Length, _cache.Tokens);
        var padding = tensor(_live.Select(row => (long)(_width - _prompts[row].Length)).ToArray(), device: device).unsqueeze(1);
        var columns = arange(past + tokens, ScalarType.Int64, device).unsqueeze(0);
        var mask = _live.All(row => _prompts[row].Length == _width) ? null : columns >= padding;
        var positions = (columns.narrow(1, past, tokens) - padding).clamp(0);
        var hidden = _model.Hidden(tensor(ids, device: device).view(_live.Length, tokens), mask, positions, _cache);
        var logits = _model.Logits(hidden.select(1, tokens - 1));
        return _options.Temperature <= 0 ? [.. logits.argmax(-1).cpu().data<long>().Select(id => (int)id)] : Sampled(logits);
    }

    private int[] Sampled(Tensor logits)
    {
        var host = logits.to(ScalarType.Float32).cpu().data<float>().ToArray();
        var size = host.Length / _live.Length;
        return [.. _live.Select((row, i) => Sampling.Next(host.AsSpan(i * size, size), _options.Temperature, _options.TopP, _random[row]))];
    }

    private void DropFinished()
    {
        var kept = Enumerable.Range(0, _live.Length).Where(i => !Finished(_results[_live[i]])).ToArray();
        if (kept.Length < _live.Length && kept.Length > 0)
        {
            _cache.KeepRows(kept);
        }

        _live = [.. kept.Select(i => _live[i])];
    }

    private bool Finished(List<int> result) => result.Count == _options.MaxNewTokens || result[^1] == _options.EosId;
}
