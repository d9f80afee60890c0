using System.Text.Json;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

/// <summary>A small model with the numbers that a correct implementation produces for it, computed elsewhere in float64.</summary>
public sealed class KnownModel : IDisposable
{
    private readonly JsonDocument _expected;

    private KnownModel(string directory)
    {
        Directory = directory;
        _expected = JsonDocument.Parse(File.ReadAllText(System.IO.Path.Combine(directory, "expected.json")));
        Model = ModelDirectory.Load(directory, CPU);
    }

    public static string[] All { get; } =
    [
        "stories260K", "gpt2", "gpt2_hubnames", "gpt_neox_parallel", "gpt_neox_sequential", "llama", "llama_sharded_bf16", "llama3_rope",
        "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3",
    ];

    public static TheoryData<string> Names
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var name in All)
            {
                names.Add(name);
            }

            return names;
        }
    }

    public string Directory { get; }

    public CausalLM Model { get; }

    public JsonElement Expected => _expected.RootElement;

    public double Tolerance(string name) => Expected.GetProperty("tolerance").GetProperty(name).GetDouble();

    public static KnownModel Load(string name) => new(SharedData.Path($"models/{name}"));

    /// <summary>Saves the reference model that the known answers were computed with.</summary>
    public string SaveReference(string target)
    {
        using var guard = no_grad();
        using var reference = ModelDirectory.Load(Directory, CPU);
        var how = Expected.GetProperty("dpo").GetProperty("reference");
        foreach (var name in how.GetProperty("tensors").EnumerateArray())
        {
            reference[name.GetString()!].mul_(how.GetProperty("factor").GetDouble());
        }

        ModelDirectory.Save(reference, null, target);
        return target;
    }

    public static long[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(Ids)];

    public static long[] Ids(JsonElement row) => [.. row.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Null ? 0 : id.GetInt64())];

    public static double?[] Numbers(JsonElement row) =>
        [.. row.EnumerateArray().Select(value => value.ValueKind == JsonValueKind.Null ? (double?)null : value.GetDouble())];

    public static Tensor Tensor(long[][] rows) => tensor(rows.SelectMany(row => row).ToArray()).view(rows.Length, rows[0].Length);

    public void Dispose()
    {
        Model.Dispose();
        _expected.Dispose();
    }
}
