using System.Collections.Immutable;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>Applies an update rule to flat weights, piece by piece, so that on a CPU every operation after the first finds its piece in the cache.</summary>
public sealed class FlatOptimizer
{
    private const long CpuChunk = 1 << 16;
    private const long DeviceChunk = 1 << 26;
    private readonly Tensor _weights;
    private readonly ImmutableArray<Tensor> _states;

    /// <param name="weights">[n], fp32.</param>
    /// <param name="states">[n] each, fp32, on the same device; one for each of the rule's states.</param>
    public FlatOptimizer(IUpdateRule rule, Tensor weights, ImmutableArray<Tensor> states)
    {
        ArgumentNullException.ThrowIfNull(rule);
        if (states.Length != rule.States.Length)
        {
            throw new ArgumentException($"{rule.Name} remembers {rule.States.Length} values a weight; {states.Length} buffers were given.", nameof(states));
        }

        (Rule, _weights, _states) = (rule, weights, states);
    }

    public IUpdateRule Rule { get; }

    /// <summary>Updates all weights and states in place.</summary>
    /// <param name="gradient">[n], on the same device; overwritten.</param>
    /// <param name="factor">Multiplies the gradient: clipping and the division by the step's pairs.</param>
    public void Step(long step, double rate, Tensor gradient, double factor)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        using var guard = no_grad();
        var length = _weights.size(0);
        var chunk = _weights.device_type == DeviceType.CPU ? CpuChunk : DeviceChunk;
        for (long start = 0; start < length; start += chunk)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(chunk, length - start);
            var piece = gradient.narrow(0, start, count).mul_(factor);
            Rule.Update(step, rate, _weights.narrow(0, start, count), piece, [.. _states.Select(state => state.narrow(0, start, count))]);
        }
    }
}
