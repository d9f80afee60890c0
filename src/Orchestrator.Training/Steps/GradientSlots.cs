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

    /// <summary>Adds some of another's floats to the same ones here.</summary>
    public void Add(GradientSlot other, long start, long length)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Flat.narrow(0, start, length).add_(other.Flat.narrow(0, start, length));
    }

    /// <summary>False where a NaN or an infinity stands among some floats; on an accelerator this waits for them.</summary>
    public bool IsFinite(long start, long length)
    {
        if (Flat.device_type == DeviceType.CPU)
        {
            return GradientInspection.AllFinite(Host!.Value.Slice(start, length));
        }

        const long Chunk = 1 << 26;
        for (var end = start + length; start < end; start += Chunk)
        {
            using var scope = NewDisposeScope();
            if (!Flat.narrow(0, start, Math.Min(Chunk, end - start)).isfinite().all().item<bool>())
            {
                return false;
            }
        }

        return true;
    }
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

    /// <summary>Floats of a slot.</summary>
    public long Length => layout.Length;

    /// <summary>Where a collective may read the slot's values; on an accelerator, after <see cref="CopyToHost"/>.</summary>
    public FloatBuffer HostOf(GradientSlot slot) => slot.Host ??= memory.Allocate($"gradient {_all.IndexOf(slot)}", layout.Length);

    /// <summary>Brings some floats of the slot to where collectives read them; on a CPU they are there.</summary>
    public void CopyToHost(GradientSlot slot, long start, long length)
    {
        if (!OnCpu)
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            NativeTensor.Over(HostOf(slot).Slice(start, length)).copy_(slot.Flat.narrow(0, start, length));
        }
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
