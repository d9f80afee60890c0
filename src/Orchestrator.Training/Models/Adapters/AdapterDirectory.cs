using System.Collections.Immutable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models.Adapters;

/// <summary>Adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors.</summary>
public static class AdapterDirectory
{
    public const string ConfigFile = AdapterConfig.FileName;

    public const string WeightsFile = "adapter_model.safetensors";

    private static readonly ImmutableSortedDictionary<string, string> PyTorch = ImmutableSortedDictionary<string, string>.Empty.Add("format", "pt");

    /// <summary>Loads an adapter for a model of this description, as fp32.</summary>
    /// <exception cref="InvalidDataException">The files do not fit the model; every tensor that does not is named.</exception>
    /// <exception cref="NotSupportedException">The adapter uses something of PEFT that is not computed here.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static LoraAdapter Load(string directory, DecoderSpec spec, Device device)
    {
        var lora = AdapterConfig.Read(directory);
        using var file = Open(directory);
        return new LoraAdapter(lora, Match(file, lora, spec).Select(target => new LoraPair(
            target, Read(file, LoraPair.NameOf(target, "A"), device), Read(file, LoraPair.NameOf(target, "B"), device))));
    }

    /// <summary>Everything that loading would refuse, without reading a tensor.</summary>
    /// <inheritdoc cref="Load"/>
    public static (LoraSpec Lora, ImmutableArray<LinearSpec> Targets) Check(string directory, DecoderSpec spec)
    {
        var lora = AdapterConfig.Read(directory);
        using var file = Open(directory);
        return (lora, Match(file, lora, spec));
    }

    /// <summary>Writes fp32, under PEFT's names.</summary>
    /// <param name="baseModel">Goes into adapter_config.json as base_model_name_or_path.</param>
    public static void Save(LoraAdapter adapter, DecoderSpec spec, string? baseModel, string target)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        Directory.CreateDirectory(target);
        LinearSpec[] targets = [.. adapter.Pairs.Select(pair => pair.Target)];
        AdapterConfig.Write(target, adapter.Spec, LoraTargets.NamesOf(spec, targets), targets.Any(linear => linear.Transposed), baseModel);
        SafetensorsWriter.Write(Path.Combine(target, WeightsFile), adapter.Parameters.Select(item => ModelDirectory.Item(item.Name, "F32", item.Parameter)), PyTorch);
    }

    private static Safetensors Open(string directory)
    {
        var path = Path.Combine(directory, WeightsFile);
        return File.Exists(path) ? Safetensors.Open(path) : throw new FileNotFoundException($"{directory} has no {WeightsFile}. Save the adapter in safetensors format.", path);
    }

    // The tensors say which projections have an adapter: target_modules may be a pattern, or be narrowed by further keys.
    private static ImmutableArray<LinearSpec> Match(Safetensors file, LoraSpec lora, DecoderSpec spec)
    {
        var (problems, known) = (new List<string>(), new HashSet<string>(StringComparer.Ordinal));
        var targets = ImmutableArray.CreateBuilder<LinearSpec>();
        foreach (var target in LoraTargets.Candidates(spec))
        {
            (string Name, long[] Shape)[] wanted = [(LoraPair.NameOf(target, "A"), [lora.Rank, target.In]), (LoraPair.NameOf(target, "B"), [target.Out, lora.Rank])];
            if (wanted.Any(tensor => file.Entries.ContainsKey(tensor.Name)))
            {
                targets.Add(target);
                problems.AddRange(wanted.Select(tensor => Problem(file, tensor.Name, tensor.Shape)).OfType<string>());
                known.UnionWith(wanted.Select(tensor => tensor.Name));
            }
        }

        problems.AddRange(file.Entries.Keys.Where(name => !known.Contains(name)).Select(name => $"{name} is no adapter of a projection of this model"));
        problems = targets.Count == 0 && problems.Count == 0 ? ["it holds no tensors"] : problems;
        return problems.Count == 0 ? targets.ToImmutable() : throw new InvalidDataException($"{file.Path} does not fit the model: {WeightFiles.Listed(problems)}.");
    }

    private static string? Problem(Safetensors file, string name, long[] shape)
    {
        var needed = $"[{string.Join(", ", shape)}]";
        return !file.Entries.TryGetValue(name, out var found) ? $"{name} {needed} is missing"
            : !found.Shape.SequenceEqual(shape) ? $"{name} is {found.ShapeText}, and {ConfigFile} and the model make it {needed}"
            : found.Dtype is "F64" or "F32" or "F16" or "BF16" ? null
            : $"{name} has dtype {found.Dtype}, and adapters must be F64, F32, F16 or BF16";
    }

    private static Parameter Read(Safetensors file, string name, Device device)
    {
        using var scope = NewDisposeScope();
        using var view = file.View(name);
        var parameter = new Parameter(empty(view.shape, ScalarType.Float32, device).copy_(view));
        parameter.DetachFromDisposeScope();
        return parameter;
    }
}
