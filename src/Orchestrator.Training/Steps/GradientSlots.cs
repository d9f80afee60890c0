using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>One flat gradient: on the device where backward adds to it, and on the host where collectives read it. On a CPU both are one.</summary>
internal sealed class GradientSlot(Tensor flat, ImmutableArray<Tensor> views, FloatBuffer? host)
{
    /// <summary>[layout length], fp32.</summary>
    public Tensor Flat { get; } = flat;

    /// <summary>The parameters' parts of it, in the layout's order.</summary>
    public ImmutableArray<Tensor> Views { get; } = views;

    public FloatBuffer? Host { get; set; } = host;
}

/// <summary>The flat gradient buffers of a replica. They are kept and used again, so a run holds as many as it needed at once.</summary>
internal sealed class GradientSlots(CausalLM model, FlatLayout layout, IBufferProvider memory) : IDisposable
{
    private readonly Stack<GradientSlot> _free = [];
    private readonly List<GradientSlot> _all = [];

    private bool OnCpu => model.Device.type == DeviceType.CPU;

    /// <summary>A buffer of zeros.</summary>
    public GradientSlot Rent()
    {
        var slot = _free.Count > 0 ? _free.Pop() : Allocate();
        slot.Flat.zero_();
        return slot;
    }

    public void Return(GradientSlot slot) => _free.Push(slot);

    /// <summary>From now on backward adds to this buffer.</summary>
    public void Bind(GradientSlot slot)
    {
        var next = 0;
        foreach (var (_, parameter) in model.Parameters)
        {
            parameter.grad = slot.Views[next++];
        }
    }

    /// <summary>The slot's values where a collective may read them; on an accelerator this copies.</summary>
    public FloatBuffer OnHost(GradientSlot slot)
    {
        if (slot.Host is not { } host)
        {
            slot.Host = host = memory.Allocate($"gradient {_all.IndexOf(slot)}", layout.Length);
        }

        if (!OnCpu)
        {
            using var over = NativeTensor.Over(host);
            over.copy_(slot.Flat);
        }

        return host;
    }

    public void Dispose()
    {
        foreach (var slot in _all)
        {
            foreach (var view in slot.Views)
            {
                view.Dispose();
            }

            slot.Flat.Dispose();
            if (slot.Host is { } host)
            {
                memory.Release(host);
            }
        }

        _all.Clear();
        _free.Clear();
    }

    private GradientSlot Allocate()
    {
        FloatBuffer? host = OnCpu ? memory.Allocate($"gradient {_all.Count}", layout.Length) : null;
        var flat = host is { } buffer ? NativeTensor.Over(buffer) : zeros(layout.Length, ScalarType.Float32, model.Device);
        flat.DetachFromDisposeScope();
        var views = layout.Entries.Select(entry => FlatLayout.View(flat, entry)).ToImmutableArray();
        foreach (var view in views)
        {
            view.DetachFromDisposeScope();
        }

        var slot = new GradientSlot(flat, views, host);
        _all.Add(slot);
        return slot;
    }
}
