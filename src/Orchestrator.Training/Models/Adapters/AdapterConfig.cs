using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Orchestrator.Training.Models.Adapters;

/// <summary>adapter_config.json as PEFT has it. What PEFT can do and this program cannot is refused by name.</summary>
internal static class AdapterConfig
{
    public const string FileName = "adapter_config.json";

    // Each of them changes what is computed, and none is computed here.
    private static readonly ImmutableArray<string> Unsupported =
    [
        "rank_pattern", "alpha_pattern", "modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config",
    ];

    private static readonly JsonSerializerOptions Style = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="InvalidDataException">The file is not as PEFT writes it.</exception>
    /// <exception cref="NotSupportedException">An option of PEFT is not computed here.</exception>
    public static LoraSpec Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        var config = File.Exists(path)
            ? new ModelConfig(path, File.ReadAllText(path))
            : throw new FileNotFoundException($"{directory} is not an adapter: it has no {FileName}. Name a folder in PEFT's layout.", path);
        config.Require("peft_type", "LORA");
        config.Require("bias", "none");
        config.Require("use_dora", "false");
        config.Require("use_qalora", "false");
        config.Require("lora_bias", "false");
        config.Require("init_lora_weights", "true", "false", "gaussian", "eva", "orthogonal"); // the others change the model's own weights as well
        foreach (var key in Unsupported.Where(key => config.Has(key) && !IsEmpty(config.Element(key))))
        {
            throw config.Unsupported(key, "train or save the adapter without it");
        }

        var spec = new LoraSpec(config.Int("r"), config.Number("lora_alpha"), config.Flag("use_rslora", false));
        try
        {
            spec.Check();
            return spec;
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}");
        }
    }

    /// <param name="baseModel">Where the adapter's model is to be found, as PEFT's users will read it; null where nobody knows.</param>
    public static void Write(string directory, LoraSpec spec, ImmutableArray<string> targets, bool fanInFanOut, string? baseModel)
    {
        var config = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["alpha_pattern"] = new Dictionary<string, int>(),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = baseModel,
            ["bias"] = "none",
            ["fan_in_fan_out"] = fanInFanOut,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            ["lora_alpha"] = spec.Alpha,
            ["lora_dropout"] = 0.0,
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = spec.Rank,
            ["rank_pattern"] = new Dictionary<string, int>(),
            ["revision"] = null,
            ["target_modules"] = targets,
            ["task_type"] = "CAUSAL_LM",
            ["use_rslora"] = spec.RankStabilized,
        };
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(config, Style) + "\n");
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => value.ValueKind is JsonValueKind.Null or JsonValueKind.False,
    };
}
