using Orchestrator.Training.Models.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>y = x Wᵀ + b over the last dimension, in the model's compute type, and what the active adapter adds to it.</summary>
internal sealed class Projection(LinearSpec spec, IReadOnlyDictionary<string, Parameter> weights, Precision precision, AdapterSwitch adapters)
{
    private readonly Parameter _weight = weights[$"{spec.Name}.weight"];
    private readonly Parameter? _bias = spec.Bias ? weights[$"{spec.Name}.bias"] : null;

    public Parameter Weight => _weight;

    public Parameter? Bias => _bias;

    public Tensor Apply(Tensor x)
    {
        x = precision.Cast(x);
        var weight = precision.Cast(_weight);
        var y = nn.functional.linear(x, spec.Transposed ? weight.t() : weight, _bias is null ? null : precision.Cast(_bias));
        adapters.AddTo(y, x, spec.Name, precision);
        return y;
    }
}

/// <summary>LayerNorm or RMSNorm over the last dimension, in fp32.</summary>
internal sealed class Norm(NormSpec spec, IReadOnlyDictionary<string, Parameter> weights, Precision precision)
{
    private readonly Parameter _weight = weights[$"{spec.Name}.weight"];
    private readonly Parameter? _bias = spec.Rms ? null : weights[$"{spec.Name}.bias"];

    public Tensor Apply(Tensor x)
    {
        x = precision.Restore(x);
        if (!spec.Rms)
        {
            return nn.functional.layer_norm(x, [spec.Size], _weight, _bias, spec.Epsilon);
        }

        using var scope = NewDisposeScope();
        var scaled = x * x.square().mean([-1L], keepdim: true).add(spec.Epsilon).rsqrt();
        return (spec.PlusOne ? scaled * (_weight + 1) : scaled * _weight).MoveToOuterDisposeScope();
    }
}

/// <summary>The feed-forward half of a block.</summary>
internal sealed class Mlp(MlpSpec spec, IReadOnlyDictionary<string, Parameter> weights, Precision precision, AdapterSwitch adapters)
{
    private readonly Projection[] _in = [.. spec.In.Select(linear => new Projection(linear, weights, precision, adapters))];
    private readonly Projection _out = new(spec.Out, weights, precision, adapters);

    public Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        return _out.Apply(Inner(precision.Cast(x))).MoveToOuterDisposeScope();
    }

    private Tensor Inner(Tensor x)
    {
        if (!spec.Gated)
        {
            return Activate(_in[0].Apply(x));
        }

        if (_in.Length == 2)
        {
            return Activate(_in[0].Apply(x)) * _in[1].Apply(x);
        }

        var halves = _in[0].Apply(x).chunk(2, -1);
        return Activate(halves[0]) * halves[1];
    }

    private Tensor Activate(Tensor x) => spec.Activation switch
    {
        Activation.Silu => nn.functional.silu(x),
        Activation.Gelu => nn.functional.gelu(x),
        Activation.GeluTanh => nn.functional.gelu(x, GELU.Approximate.tanh),
        Activation.Relu => nn.functional.relu(x),
        _ => throw new ArgumentOutOfRangeException(nameof(x), $"{spec.Activation} has no function."),
    };
}
