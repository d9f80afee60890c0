using System.Collections.Immutable;
using Orchestrator.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models.Adapters;

/// <summary>The two matrices beside one projection, fp32.</summary>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
public sealed record LoraPair(LinearSpec Target, Parameter A, Parameter B)
{
    private const string Prefix = "base_model.model.";

    /// <summary>As PEFT calls it in a file.</summary>
    public string NameOfA => NameOf(Target, "A");

    public string NameOfB => NameOf(Target, "B");

    internal static string NameOf(LinearSpec target, string matrix) => $"{Prefix}{target.Name}.lora_{matrix}.weight";
}

/// <summary>Low-rank adapters of one model: a pair of small matrices beside each target projection. Belongs to the model's device thread.</summary>
public sealed class LoraAdapter : IDisposable
{
    // Streams of the seed that nothing else of a run draws from: the order of the data has one an epoch, from 0.
    private const long FirstStream = 1L << 40;

    private readonly ImmutableSortedDictionary<string, LoraPair> _pairs;

    /// <param name="pairs">At least one; disposed with this.</param>
    public LoraAdapter(LoraSpec spec, IEnumerable<LoraPair> pairs)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Check();
        (Spec, _pairs) = (spec, pairs.ToImmutableSortedDictionary(pair => pair.Target.Name, pair => pair, StringComparer.Ordinal));
    }

    public LoraSpec Spec { get; }

    /// <summary>In ordinal order of the projections' names.</summary>
    public IEnumerable<LoraPair> Pairs => _pairs.Values;

    /// <summary>All matrices in ordinal order of PEFT's names for them.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters => _pairs.Values
        .SelectMany(pair => new[] { (pair.NameOfA, pair.A), (pair.NameOfB, pair.B) }).OrderBy(item => item.Item1, StringComparer.Ordinal);

    /// <summary>A fresh adapter: A uniform in ±1/sqrt(in), which is Kaiming's with a = sqrt(5), and B zero, so that it changes nothing yet.</summary>
    /// <param name="seed">The same seed gives the same bits on every machine.</param>
    public static LoraAdapter Create(LoraSpec spec, ImmutableArray<LinearSpec> targets, long seed, Device device)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Check();
        using var scope = NewDisposeScope();
        Parameter Kept(Tensor values)
        {
            var parameter = new Parameter(values);
            parameter.DetachFromDisposeScope();
            return parameter;
        }

        return new LoraAdapter(spec, targets.Select((target, i) => new LoraPair(
            target,
            Kept(tensor(Uniform(target, spec.Rank, new SplitMix64(seed, FirstStream + i)), device: device).view(spec.Rank, target.In)),
            Kept(zeros([target.Out, spec.Rank], ScalarType.Float32, device)))));
    }

    /// <summary>Adds s · B A to the model's own weights; the adapter itself stays as it is.</summary>
    public void MergeInto(CausalLM model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var guard = no_grad();
        foreach (var pair in _pairs.Values)
        {
            using var scope = NewDisposeScope();
            var change = pair.B.mm(pair.A).mul_(Spec.Scale);
            model[$"{pair.Target.Name}.weight"].add_(pair.Target.Transposed ? change.t() : change);
        }
    }

    public void Dispose()
    {
        foreach (var pair in _pairs.Values)
        {
            pair.A.Dispose();
            pair.B.Dispose();
        }
    }

    internal LoraPair? Of(string projection) => _pairs.GetValueOrDefault(projection);

    private static float[] Uniform(LinearSpec target, int rank, SplitMix64 random)
    {
        var (values, bound) = (new float[(long)rank * target.In], 1 / Math.Sqrt(target.In));
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)((2 * random.NextDouble() - 1) * bound);
        }

        return values;
    }
}
