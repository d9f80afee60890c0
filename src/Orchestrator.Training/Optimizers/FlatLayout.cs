using System.Collections.Immutable;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>Where one parameter lies in a flat buffer.</summary>
/// <param name="Start">In floats, a multiple of 16 (64 bytes).</param>
public sealed record FlatEntry(string Name, ImmutableArray<long> Shape, long Start, long Length);

/// <summary>
/// All trained parameters of a model end to end, in ordinal order of their names; the same for weights, gradients and optimizer states, and on every
/// replica of a run. The gaps that alignment leaves stay 0.
/// </summary>
public sealed class FlatLayout
{
    private const long Alignment = 16;

    private FlatLayout(ImmutableArray<FlatEntry> entries, long length) => (Entries, Length) = (entries, length);

    public ImmutableArray<FlatEntry> Entries { get; }

    /// <summary>Floats of a flat buffer, gaps included.</summary>
    public long Length { get; }

    public static FlatLayout Of(CausalLM model)
    {
        ArgumentNullException.ThrowIfNull(model);
        long next = 0;
        var entries = ImmutableArray.CreateBuilder<FlatEntry>();
        foreach (var (name, parameter) in model.Parameters)
        {
            var shape = parameter.shape.ToImmutableArray();
            var length = shape.Aggregate(1L, (product, size) => product * size);
            entries.Add(new FlatEntry(name, shape, next, length));
            next += Padded(length);
        }

        return new FlatLayout(entries.ToImmutable(), next);
    }

    /// <summary>Floats that a parameter of so many takes up.</summary>
    public static long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    /// <summary>The part of a flat tensor that is one parameter, in its shape; shares memory.</summary>
    public static Tensor View(Tensor flat, FlatEntry entry)
    {
        ArgumentNullException.ThrowIfNull(flat);
        ArgumentNullException.ThrowIfNull(entry);
        using var part = flat.narrow(0, entry.Start, entry.Length);
        return part.view(entry.Shape.ToArray());
    }

    /// <summary>Moves the model's weights into <paramref name="flat"/>; from then on the parameters are views of it.</summary>
    /// <param name="flat">[Length], fp32, on the model's device.</param>
    public void Adopt(CausalLM model, Tensor flat)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(flat);
        Require(flat);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (entry, (_, parameter)) in Entries.Zip(model.Parameters))
        {
            var view = View(flat, entry);
            view.copy_(parameter);
            parameter.set_(view);
        }
    }

    private void Require(Tensor flat)
    {
        if (flat.dtype != ScalarType.Float32 || flat.dim() != 1 || flat.size(0) != Length)
        {
            throw new ArgumentException($"A flat buffer of this model is fp32 [{Length}]; {flat.dtype} [{string.Join(", ", flat.shape)}] was given.", nameof(flat));
        }
    }
}
