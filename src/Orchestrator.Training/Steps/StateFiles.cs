using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Orchestrator.Core;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// A replica's state in a checkpoint: the Hugging Face model, or where adapters are trained the adapter in PEFT's layout, and optimizer.safetensors with
/// the optimizer's states as "square_avg.NAME", a reference that moves as "reference.NAME" and, where the model stores a narrower type, the fp32 weights
/// as "master_weight.NAME". So a resume goes on with the same bits.
/// </summary>
internal static class StateFiles
{
    private const string Master = "master_weight";

    /// <summary>Writes from the host's buffers, which must be up to date.</summary>
    public static void Write(string target, ReplicaParts parts)
    {
        if (parts.Policy.Adapter is { } adapter)
        {
            AdapterDirectory.Save(adapter, parts.Policy.Spec, parts.Options.Lora?.BaseModel, target);
        }
        else
        {
            ModelDirectory.Save(parts.Policy, parts.ModelDirectory, target);
        }

        var (layout, host) = (parts.State.Layout, parts.State.Host);
        var items = new List<SafetensorsWriter.Item>();
        for (var i = 1; i < host.Length; i++)
        {
            items.AddRange(layout.Entries.Select(entry => Item($"{host[i].Name}.{entry.Name}", entry, host[i].Buffer)));
        }

        items.AddRange(NotFp32(target, parts, layout).Select(entry => Item($"{Master}.{entry.Name}", entry, host[0].Buffer)));
        SafetensorsWriter.Write(Path.Combine(target, Checkpoint.OptimizerFile), items, new Dictionary<string, string> { ["optimizer"] = parts.Optimizer.Rule.Name });
    }

    /// <summary>Reads states and, where they were stored, fp32 weights into the device's buffers. The weights proper have been read with the model.</summary>
    /// <exception cref="InvalidDataException">The file belongs to another model or another optimizer.</exception>
    public static void Read(string directory, FlatState state, IUpdateRule rule, TrainerState described)
    {
        var path = Path.Combine(directory, Checkpoint.OptimizerFile);
        if (described.Optimizer != rule.Name)
        {
            throw new InvalidDataException($"{directory} was written with the optimizer {described.Optimizer}, and the run now says {rule.Name}. Resume with {described.Optimizer}, or start a new run from the model in it.");
        }

        using var file = Safetensors.Open(path);
        using var guard = no_grad();
        for (var i = 1; i < state.Names.Length; i++)
        {
            foreach (var entry in state.Layout.Entries)
            {
                Read(file, $"{state.Names[i]}.{entry.Name}", entry, state.Device[i]);
            }
        }

        foreach (var entry in state.Layout.Entries.Where(entry => file.Entries.ContainsKey($"{Master}.{entry.Name}")))
        {
            Read(file, $"{Master}.{entry.Name}", entry, state.Weights);
        }
    }

    private static void Read(Safetensors file, string name, FlatEntry entry, Tensor flat)
    {
        if (!file.Entries.TryGetValue(name, out var found) || !found.Shape.SequenceEqual(entry.Shape) || found.Dtype != "F32")
        {
            throw new InvalidDataException(
                $"{file.Path} {(found is null ? $"lacks {name}" : $"holds {name} as {found.Dtype} {found.ShapeText}")}; needed is F32 [{string.Join(", ", entry.Shape)}]. It belongs to another model or other optimizer options (momentum).");
        }

        using var scope = NewDisposeScope();
        FlatLayout.View(flat, entry).copy_(file.View(name));
    }

    private static IEnumerable<FlatEntry> NotFp32(string target, ReplicaParts parts, FlatLayout layout)
    {
        if (parts.Policy.Adapter is not null)
        {
            return []; // adapters are stored as fp32
        }

        using var files = WeightFiles.Open(target);
        var names = files.Match(parts.Policy.Spec);
        var narrow = files.Entries.Where(entry => entry.Dtype is "BF16" or "F16").Select(entry => entry.Name).ToHashSet(StringComparer.Ordinal);
        return [.. layout.Entries.Where(entry => narrow.Contains(names[entry.Name]))];
    }

    private static SafetensorsWriter.Item Item(string name, FlatEntry entry, FloatBuffer flat) => new(name, "F32", entry.Shape, stream =>
    {
        const long Chunk = 1 << 20;
        for (long done = 0; done < entry.Length; done += Chunk)
        {
            stream.Write(MemoryMarshal.AsBytes(flat.Slice(entry.Start + done, Math.Min(Chunk, entry.Length - done)).Span));
        }
    });
}
