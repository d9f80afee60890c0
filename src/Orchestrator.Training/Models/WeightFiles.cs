using System.Collections.Immutable;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>The weights of a model directory: model.safetensors, or the shards that model.safetensors.index.json names.</summary>
public sealed class WeightFiles : IDisposable
{
    private const string Single = "model.safetensors";
    private const string Index = "model.safetensors.index.json";

    private readonly string _directory;
    private readonly ImmutableArray<Safetensors> _files;
    private readonly Dictionary<string, Safetensors> _where = new(StringComparer.Ordinal);

    private WeightFiles(string directory, ImmutableArray<Safetensors> files)
    {
        (_directory, _files) = (directory, files);
        foreach (var file in files)
        {
            foreach (var name in file.Entries.Keys)
            {
                if (!_where.TryAdd(name, file))
                {
                    throw new InvalidDataException($"Tensor {name} stands in {_where[name].Path} and again in {file.Path}.");
                }
            }
        }
    }

    public IEnumerable<TensorEntry> Entries => _where.Select(pair => pair.Value.Entries[pair.Key]);

    public ImmutableSortedDictionary<string, string> Metadata => _files[0].Metadata;

    public static WeightFiles Open(string directory)
    {
        var paths = Paths(directory);
        var files = ImmutableArray.CreateBuilder<Safetensors>();
        try
        {
            foreach (var path in paths)
            {
                files.Add(Safetensors.Open(path));
            }

            return new WeightFiles(directory, files.ToImmutable());
        }
        catch
        {
            foreach (var file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    public Tensor View(string name) => _where[name].View(name);

    public void CopyBytes(TensorEntry entry, Stream target) => _where[entry.Name].CopyBytes(entry, target);

    /// <summary>From the specification's names to the names in the files, which may lack the family's optional prefix.</summary>
    /// <exception cref="InvalidDataException">Tensors are missing, extra or of another shape; all of them are named.</exception>
    public ImmutableDictionary<string, string> Match(DecoderSpec spec)
    {
        var prefix = spec.OptionalPrefix;
        string InFile(string name) =>
            _where.ContainsKey(name) || prefix.Length == 0 || !name.StartsWith(prefix, StringComparison.Ordinal) ? name : name[prefix.Length..];
        var names = spec.Tensors.ToImmutableDictionary(tensor => tensor.Name, tensor => InFile(tensor.Name), StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var tensor in spec.Tensors)
        {
            var name = names[tensor.Name];
            if (!_where.TryGetValue(name, out var file))
            {
                problems.Add($"{tensor.Name} [{string.Join(", ", tensor.Shape)}] is missing");
            }
            else if (!file.Entries[name].Shape.SequenceEqual(tensor.Shape))
            {
                problems.Add($"{name} is {file.Entries[name].ShapeText}, and config.json makes it [{string.Join(", ", tensor.Shape)}]");
            }
            else if (file.Entries[name].Dtype is not ("F64" or "F32" or "F16" or "BF16"))
            {
                problems.Add($"{name} has dtype {file.Entries[name].Dtype}, and weights must be F64, F32, F16 or BF16");
            }
        }

        var known = names.Values.ToHashSet(StringComparer.Ordinal);
        problems.AddRange(_where.Keys.Where(name => !known.Contains(name) && !spec.IsBuffer(name) && !IsTiedHead(spec, name)).Order(StringComparer.Ordinal)
            .Select(name => $"{name} is not a tensor of this model"));
        return problems.Count == 0 ? names : throw new InvalidDataException($"The weights in {_directory} do not fit its config.json: {Listed(problems)}.");
    }

    /// <summary>True for a head that the file stores although it is tied to the embedding.</summary>
    public bool IsTiedHead(DecoderSpec spec, string name) => spec.Head is null && name == spec.TiedHeadName && _where.ContainsKey(name);

    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    internal static string Listed(List<string> problems) =>
        string.Join("; ", problems.Take(10)) + (problems.Count > 10 ? $"; and {problems.Count - 10} more" : "");

    private static string[] Paths(string directory)
    {
        var single = Path.Combine(directory, Single);
        if (File.Exists(single))
        {
            return [single];
        }

        var index = Path.Combine(directory, Index);
        if (!File.Exists(index))
        {
            throw new FileNotFoundException($"{directory} has neither {Single} nor {Index}. Save the model in safetensors format.", single);
        }

        return Shards(directory, index);
    }

    private static string[] Shards(string directory, string index)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(index));
            var paths = document.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => entry.Value.GetString()!)
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(name => Path.Combine(directory, name)).ToArray();
            var missing = paths.Where(path => !File.Exists(path)).ToArray();
            return missing.Length == 0 && paths.Length > 0
                ? paths
                : throw new FileNotFoundException($"{index} names {string.Join(", ", missing.Select(Path.GetFileName))}, which {directory} does not hold.");
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{index} is not a safetensors index: {error.Message}");
        }
    }
}
