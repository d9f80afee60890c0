using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// All that a replica must not lose, as flat buffers: the fp32 weights and the optimizer's states. On a CPU the host's buffers are the memory that
/// the model computes with; on an accelerator they are copies, made when first asked for.
/// </summary>
internal sealed class FlatState : IDisposable
{
    private const string WeightsName = "weights";
    private readonly IBufferProvider _memory;
    private readonly bool _onCpu;
    private ImmutableArray<(string Name, FloatBuffer Buffer)> _host = [];

    /// <summary>Moves the model's weights into a flat buffer; states start at 0.</summary>
    public FlatState(CausalLM model, IUpdateRule rule, IBufferProvider memory)
    {
        (_memory, _onCpu, Layout) = (memory, model.Device.type == DeviceType.CPU, FlatLayout.Of(model));
        Names = [WeightsName, .. rule.States];
        if (_onCpu)
        {
            AllocateHost();
        }

        Device = [.. Names.Select((_, i) => Detached(_onCpu ? NativeTensor.Over(_host[i].Buffer) : zeros(Layout.Length, ScalarType.Float32, model.Device)))];
        Layout.Adopt(model, Weights);
    }

    public FlatLayout Layout { get; }

    /// <summary>"weights", then the rule's states.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>Where the model and the optimizer compute, in the order of <see cref="Names"/>.</summary>
    public ImmutableArray<Tensor> Device { get; }

    public Tensor Weights => Device[0];

    public ImmutableArray<Tensor> OptimizerStates => Device[1..];

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
