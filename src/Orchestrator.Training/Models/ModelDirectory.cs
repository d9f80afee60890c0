using System.Collections.Immutable;
using System.Text.Json;
using Orchestrator.Core;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>A model in Hugging Face layout: config.json, model.safetensors (or shards with an index), and the files of its tokenizer.</summary>
public static class ModelDirectory
{
    private static readonly string[] WeightFilePatterns = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"];

    /// <summary>Loads the weights into fresh parameters on a device. A missing, extra or wrongly shaped tensor is named.</summary>
    /// <exception cref="InvalidDataException">The files do not fit the configuration.</exception>
    /// <exception cref="NotSupportedException">The family or an option of it is not computed here.</exception>
    public static CausalLM Load(string directory, Device device)
    {
        var config = ModelConfig.Load(directory);
        var spec = Family.Describe(config);
        using var files = WeightFiles.Open(directory);
        var names = files.Match(spec);
        var weights = spec.Tensors.ToImmutableSortedDictionary(tensor => tensor.Name, tensor => Read(files, names[tensor.Name], device), StringComparer.Ordinal);
        return new CausalLM(config, weights);
    }

    /// <summary>The model, and with it the adapter in <paramref name="adapter"/> where one is named.</summary>
    /// <inheritdoc cref="Load(string, Device)"/>
    public static CausalLM Load(string directory, Device device, string? adapter)
    {
        var model = Load(directory, device);
        if (adapter is not null)
        {
            model.Attach(AdapterDirectory.Load(adapter, model.Spec, device));
        }

        return model;
    }

    /// <summary>A fresh model; the same configuration and seed give the same bits on every machine.</summary>
    /// <remarks>Matrices and embeddings: normal, standard deviation initializer_range (0.02 where absent); biases 0; norms 1.</remarks>
    public static CausalLM Create(ModelConfig config, long seed, Device device)
    {
        var spread = config.Number("initializer_range", 0.02);
        var stream = 0L;
        var weights = Family.Describe(config).Tensors.ToImmutableSortedDictionary(
            tensor => tensor.Name,
            tensor => new Parameter(Fresh(tensor, spread, new SplitMix64(seed, stream++)).to(device)),
            StringComparer.Ordinal);
        return new CausalLM(config, weights);
    }

    /// <summary>
    /// Writes the model into <paramref name="target"/> as it was read from <paramref name="source"/>: the same names, types, buffers and side
    /// files, in one model.safetensors. With <paramref name="source"/> null only config.json and fp32 weights are written.
    /// </summary>
    public static void Save(CausalLM model, string? source, string target)
    {
        Directory.CreateDirectory(target);
        if (source is null)
        {
            File.WriteAllText(Path.Combine(target, "config.json"), model.Config.Json);
            SafetensorsWriter.Write(Path.Combine(target, "model.safetensors"), model.Weights.Select(p => Item(p.Name, "F32", p.Parameter)), PyTorch);
            return;
        }

        using var files = WeightFiles.Open(source);
        var names = files.Match(model.Spec).ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);
        var items = files.Entries.Select(entry =>
            names.TryGetValue(entry.Name, out var name) ? Item(entry.Name, entry.Dtype, model[name])
            : files.IsTiedHead(model.Spec, entry.Name) ? Item(entry.Name, entry.Dtype, model[model.Spec.Embedding])
            : new SafetensorsWriter.Item(entry.Name, entry.Dtype, entry.Shape, stream => files.CopyBytes(entry, stream)));
        SafetensorsWriter.Write(Path.Combine(target, "model.safetensors"), items, files.Metadata.Count > 0 ? files.Metadata : PyTorch);
        CopySideFiles(source, target);
    }

    private static ImmutableSortedDictionary<string, string> PyTorch => ImmutableSortedDictionary<string, string>.Empty.Add("format", "pt");

    /// <summary>Configuration, tokenizer, generation settings, licence: everything small that is not weights.</summary>
    public static void CopySideFiles(string source, string target)
    {
        foreach (var file in Directory.EnumerateFiles(source))
        {
            var name = Path.GetFileName(file);
            if (!name.StartsWith('.') && !WeightFilePatterns.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            {
                File.Copy(file, Path.Combine(target, name), overwrite: true);
            }
        }
    }

    private static Parameter Read(WeightFiles files, string name, Device device)
    {
        using var scope = NewDisposeScope();
        using var view = files.View(name);
        var copy = empty(view.shape, ScalarType.Float32, device).copy_(view);
        var parameter = new Parameter(copy);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    private static Tensor Fresh(TensorSpec spec, double spread, SplitMix64 random)
    {
        var shape = spec.Shape.ToArray();
        return spec.Initial switch
        {
            Initial.Zero => zeros(shape),
            Initial.One => ones(shape),
            _ => tensor(Normal(shape.Aggregate(1L, (product, size) => product * size), spread, random)).view(shape),
        };
    }

    /// <summary>Box and Muller 1958.</summary>
    private static float[] Normal(long count, double spread, SplitMix64 random)
    {
        var values = new float[count];
        for (var i = 0L; i < count; i++)
        {
            values[i] = (float)(spread * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }

    internal static SafetensorsWriter.Item Item(string name, string dtype, Parameter parameter)
    {
        var shape = parameter.shape.ToImmutableArray();
        return new SafetensorsWriter.Item(name, dtype, shape, stream =>
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var flat = parameter.detach().reshape(-1);
            const long Chunk = 1 << 22;
            for (long start = 0, length = flat.size(0); start < length; start += Chunk)
            {
                using var inner = NewDisposeScope();
                var part = flat.narrow(0, start, Math.Min(Chunk, length - start)).to(Safetensors.TypeOf(dtype)).cpu().contiguous();
                stream.Write(part.bytes);
            }
        });
    }
}
