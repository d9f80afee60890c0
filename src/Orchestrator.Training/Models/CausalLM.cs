using System.Collections.Immutable;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// A decoder that predicts the next token, of any family in the table. It has no dropout: what the policy and the reference say of the same
/// tokens with the same weights is the same to the last bit. Not thread-safe: it belongs to one device thread.
/// </summary>
public sealed class CausalLM : IDisposable
{
    private readonly ImmutableSortedDictionary<string, Parameter> _weights;
    private readonly (Norm AttentionNorm, Attention Attention, Norm? MlpNorm, Mlp Mlp, Norm? AfterAttention, Norm? AfterMlp, bool Parallel)[] _layers;
    private readonly Norm _finalNorm;
    private readonly Projection? _head;
    private readonly Precision _precision = new();
    private readonly AdapterSwitch _adapters = new();

    /// <param name="weights">One parameter for every tensor of the specification, by its full name.</param>
    public CausalLM(ModelConfig config, ImmutableSortedDictionary<string, Parameter> weights)
    {
        (Config, Spec, _weights) = (config, Family.Describe(config), weights);
        Norm? Optional(NormSpec? norm) => norm is null ? null : new Norm(norm, weights, _precision);
        _layers = [.. Spec.Layers.Select(layer => (
            new Norm(layer.AttentionNorm, weights, _precision),
            new Attention(Spec, layer, weights, _precision, _adapters),
            Optional(layer.MlpNorm),
            new Mlp(layer.Mlp, weights, _precision, _adapters),
            Optional(layer.AfterAttention),
            Optional(layer.AfterMlp),
            layer.Parallel))];
        _finalNorm = new Norm(Spec.FinalNorm, weights, _precision);
        _head = Spec.Head is null ? null : new Projection(Spec.Head, weights, _precision, _adapters);
    }

    public ModelConfig Config { get; }

    public DecoderSpec Spec { get; }

    /// <summary>All weights in ordinal order of their full Hugging Face names; a tied head counts once, as the embedding.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Weights => _weights.Select(pair => (pair.Key, pair.Value));

    /// <summary>What is trained, in ordinal order of names: the adapter's matrices where there is one, else all weights.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters => Adapter?.Parameters ?? Weights;

    /// <summary>The adapter that is trained; null: the weights are.</summary>
    public LoraAdapter? Adapter { get; private set; }

    /// <summary>A weight, by its full Hugging Face name.</summary>
    public Parameter this[string name] => _weights[name];

    public Device Device => _weights[Spec.Embedding].device;

    /// <summary>
    /// The type of matrix products: Float32, or BFloat16 with everything that adds up over layers, tokens or steps still in fp32. Weights and
    /// their gradients are fp32 either way.
    /// </summary>
    public ScalarType Compute
    {
        get => _precision.Type;
        set => _precision.Type = value;
    }

    /// <summary>
    /// Packed passes with gradient keep each block's input only and compute the block again in backward: less memory, a third more work, the
    /// same gradients. Backward must then be run by <see cref="BackwardPass.Run"/>, once a pass.
    /// </summary>
    public bool Checkpointing { get; set; }

    /// <summary>[vocabulary, hidden].</summary>
    public Tensor HeadWeight => _head is null ? _weights[Spec.Embedding] : _head.Weight;

    /// <summary>[vocabulary], or null.</summary>
    public Tensor? HeadBias => _head?.Bias;

    /// <summary>From now on the adapter counts, and it alone is trained: the weights are frozen.</summary>
    /// <param name="adapter">Made for this model; disposed with it.</param>
    /// <exception cref="InvalidOperationException">There is one already.</exception>
    public void Attach(LoraAdapter adapter)
    {
        if (Adapter is not null)
        {
            throw new InvalidOperationException("The model has an adapter already.");
        }

        (Adapter, _adapters.Active) = (adapter, adapter);
        foreach (var weight in _weights.Values)
        {
            weight.requires_grad_(false);
        }
    }

    /// <summary>Runs something with another adapter, or with none, instead of the model's own.</summary>
    public T WithAdapter<T>(LoraAdapter? other, Func<CausalLM, T> work)
    {
        var before = _adapters.Active;
        try
        {
            _adapters.Active = other;
            return work(this);
        }
        finally
        {
            _adapters.Active = before;
        }
    }

    /// <summary>Hidden states after the final norm, [rows, tokens, hidden]; with the head they give the logits of the next token.</summary>
    /// <param name="ids">[rows, tokens], int64, every id below the vocabulary's size.</param>
    /// <param name="attentionMask">[rows, past + tokens], 1 for real tokens and 0 for padding; null where nothing hides a real token (right padding).</param>
    /// <param name="positions">[rows, tokens], int64; null: counted from the cache's tokens.</param>
    /// <param name="cache">Keys and values of the tokens before; appended to.</param>
    public Tensor Hidden(Tensor ids, Tensor? attentionMask = null, Tensor? positions = null, KeyValueCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var (rows, tokens, past) = (ids.size(0), ids.size(1), cache?.Tokens ?? 0);
        var at = positions ?? arange(past, past + tokens, ScalarType.Int64, ids.device).unsqueeze(0);
        RequirePositions(past + tokens);
        return Run(Embed(ids, at, rows, tokens), new PaddedContext(Spec, at, attentionMask, past, tokens), cache).MoveToOuterDisposeScope();
    }

    /// <summary>Hidden states after the final norm of sequences without padding, [tokens, hidden]: to each token what it would have alone.</summary>
    /// <param name="reached">Told in backward, on its thread, which block's input it has reached, from their number (the final norm's input) down to 0: see <see cref="BackwardOrder"/>.</param>
    /// <exception cref="ArgumentException">The pack breaks a rule of <see cref="PackedTokens"/>, or is beyond the model's vocabulary or positions.</exception>
    public Tensor Hidden(PackedTokens tokens, Action<int>? reached = null)
    {
        tokens.Check(Spec.Vocabulary);
        RequirePositions(tokens.Positions.Max() + 1);
        using var scope = NewDisposeScope();
        var ids = tensor(tokens.Ids.AsSpan().ToArray(), device: Device).unsqueeze(0);
        var positions = tensor(tokens.Positions.AsSpan().ToArray(), device: Device).unsqueeze(0);
        var x = Embed(ids, positions, 1, tokens.Ids.Length);
        var context = new PackedContext(Spec, tokens, positions);
        return (Checkpointing && is_grad_enabled() ? RunCheckpointed(x, context, reached) : Run(x, context, cache: null, reached)).squeeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Scores of the next token, [..., vocabulary], from hidden states [..., hidden].</summary>
    public Tensor Logits(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        var bias = HeadBias is null ? null : _precision.Cast(HeadBias);
        var logits = _precision.Restore(nn.functional.linear(_precision.Cast(hidden), _precision.Cast(HeadWeight), bias));
        return (Spec.LogitSoftCap is { } cap ? (logits / cap).tanh() * cap : logits).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        Adapter?.Dispose();
        foreach (var weight in _weights.Values)
        {
            weight.Dispose();
        }
    }

    private Tensor Embed(Tensor ids, Tensor positions, long rows, long tokens)
    {
        using var scope = NewDisposeScope();
        var x = EmbeddingLookup.Of(_weights[Spec.Embedding], ids.flatten()).view(rows, tokens, Spec.Hidden);
        if (Spec.PositionEmbedding is { } name)
        {
            x += EmbeddingLookup.Of(_weights[name], positions.flatten()).view(positions.size(0), tokens, Spec.Hidden);
        }

        return (Math.Abs(Spec.EmbeddingScale - 1) < 1e-12 ? x : x * Spec.EmbeddingScale).MoveToOuterDisposeScope();
    }

    private Tensor Run(Tensor x, AttentionContext context, KeyValueCache? cache, Action<int>? reached = null)
    {
        for (var index = 0; index < _layers.Length; index++)
        {
            x = Block(Marked(x, index, reached), context, cache, index);
        }

        return _finalNorm.Apply(Marked(x, _layers.Length, reached));
    }

    private Tensor RunCheckpointed(Tensor x, AttentionContext context, Action<int>? reached)
    {
        context.Keep();

        // Frozen embeddings: without a gradient at its input, a checkpointed block would have none at all.
        x = x.requires_grad ? x : x.detach().requires_grad_();
        for (var index = 0; index < _layers.Length; index++)
        {
            var at = index;
            x = BlockCheckpoint.Of(Marked(x, index, reached), new CheckpointedBlock(input => Block(input, context, null, at), context, Last: at == 0));
        }

        return _finalNorm.Apply(Marked(x, _layers.Length, reached));
    }

    private static Tensor Marked(Tensor x, int block, Action<int>? reached) => reached is null ? x : Milestone.Of(x, () => reached(block));

    private Tensor Block(Tensor x, AttentionContext context, KeyValueCache? cache, int index)
    {
        using var scope = NewDisposeScope();
        var layer = _layers[index];
        var normed = layer.AttentionNorm.Apply(x);
        var attended = layer.Attention.Apply(normed, context, cache, index);
        attended = layer.AfterAttention?.Apply(attended) ?? attended;
        if (layer.Parallel)
        {
            return (x + attended + layer.Mlp.Apply(layer.MlpNorm?.Apply(x) ?? normed)).MoveToOuterDisposeScope();
        }

        x = x + attended;
        var fed = layer.Mlp.Apply(layer.MlpNorm?.Apply(x) ?? x);
        return (x + (layer.AfterMlp?.Apply(fed) ?? fed)).MoveToOuterDisposeScope();
    }

    private void RequirePositions(long tokens)
    {
        if (Spec.PositionEmbedding is not null && tokens > Spec.MaxPositions)
        {
            throw new ArgumentException($"A sequence has {tokens} tokens, and this model has positions for {Spec.MaxPositions}: lower max_length.");
        }
    }
}
