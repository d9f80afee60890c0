using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// All that a replica must not lose, as flat buffers: the fp32 weights, the optimizer's states and, where it moves, the reference. On a CPU the host's buffers are the memory that
/// the model computes with; on an accelerator they are copies, made when first asked for.
/// </summary>
internal sealed class FlatState : IDisposable
{
    private const string WeightsName = "weights";
    private const string ReferenceName = "reference";
    private const long Chunk = 1 << 22;
    private readonly IBufferProvider _memory;
    private readonly bool _onCpu;
    private ImmutableArray<(string Name, FloatBuffer Buffer)> _host = [];

    /// <summary>Moves the model's weights into a flat buffer, and those of a reference into another; states start at 0.</summary>
    /// <param name="reference">Null where it stays as it is.</param>
    /// <exception cref="InvalidDataException">The reference has other tensors than the model.</exception>
    public FlatState(CausalLM model, IUpdateRule rule, IBufferProvider memory, CausalLM? reference = null)
    {
        (_memory, _onCpu, Layout) = (memory, model.Device.type == DeviceType.CPU, FlatLayout.Of(model));
        RequireSameTensors(reference);
        Names = reference is null ? [WeightsName, .. rule.States] : [WeightsName, .. rule.States, ReferenceName];
        OptimizerStates = [];
        if (_onCpu)
        {
            AllocateHost();
        }

        Device = [.. Names.Select((_, i) => Detached(_onCpu ? NativeTensor.Over(_host[i].Buffer) : zeros(Layout.Length, ScalarType.Float32, model.Device)))];
        OptimizerStates = Device.Slice(1, rule.States.Length);
        Layout.Adopt(model, Weights);
        if (reference is not null)
        {
            Layout.Adopt(reference, Device[^1]);
        }
    }

    public FlatLayout Layout { get; }

    /// <summary>"weights", then the rule's states, then "reference" where it moves.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>Where the model and the optimizer compute, in the order of <see cref="Names"/>.</summary>
    public ImmutableArray<Tensor> Device { get; }

    public Tensor Weights => Device[0];

    public ImmutableArray<Tensor> OptimizerStates { get; }

    public ImmutableArray<(string Name, FloatBuffer Buffer)> Host
    {
        get
        {
            AllocateHost();
            return _host;
        }
    }

    /// <summary>Device to host.</summary>
    public void Refresh() => Copy((host, device) => host.copy_(device));

    /// <summary>Host to device.</summary>
    public void Upload() => Copy((host, device) => device.copy_(host));

    /// <summary>reference ← share · weights + (1 - share) · reference, each product and the sum rounded by itself: the same bits on every processor.</summary>
    /// <returns>Digest of the new reference's bytes.</returns>
    public ulong MixReference(double share)
    {
        using (no_grad())
        {
            for (long start = 0; start < Layout.Length; start += Chunk)
            {
                using var scope = NewDisposeScope();
                var count = Math.Min(Chunk, Layout.Length - start);
                Device[^1].narrow(0, start, count).mul_(1 - share).add_(Weights.narrow(0, start, count).mul(share));
            }
        }

        Refresh();
        return GradientInspection.Of(Host[^1].Buffer).Digest;
    }

    public void Dispose()
    {
        foreach (var tensor in Device)
        {
            tensor.Dispose();
        }

        foreach (var (_, buffer) in _host)
        {
            _memory.Release(buffer);
        }

        _host = [];
    }

    private void RequireSameTensors(CausalLM? reference)
    {
        static IEnumerable<string> Told(FlatLayout layout) => layout.Entries.Select(entry => $"{entry.Name} [{string.Join(", ", entry.Shape)}]");
        if (reference is not null && Told(FlatLayout.Of(reference)).Except(Told(Layout)).Concat(Told(Layout).Except(Told(FlatLayout.Of(reference)))).FirstOrDefault() is { } other)
        {
            throw new InvalidDataException($"sync_ref_model mixes the policy into the reference, and only one of them has {other}. Take a reference of the policy's kind and size, or leave sync_ref_model out.");
        }
    }

    private static Tensor Detached(Tensor tensor) => tensor.DetachFromDisposeScope();

    private void AllocateHost()
    {
        if (_host.IsEmpty)
        {
            _host = [.. Names.Select(name => (name, _memory.Allocate(name, Layout.Length)))];
        }
    }

    private void Copy(Action<Tensor, Tensor> copy)
    {
        if (_onCpu)
        {
            return;
        }

        using var guard = no_grad();
        foreach (var ((_, buffer), device) in Host.Zip(Device))
        {
            using var host = NativeTensor.Over(buffer);
            copy(host, device);
        }
    }
}
