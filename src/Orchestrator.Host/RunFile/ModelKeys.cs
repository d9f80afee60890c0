using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "model": what is trained, and what it is held against.</summary>
public static class ModelKeys
{
    private const string Section = "model";

    public static readonly Key<string> Path = new(Section, "path", Kinds.Location("a folder in Hugging Face layout"), null,
        "The model to train: config.json, model.safetensors (or shards) and the tokenizer's files.")
    {
        Required = true,
        Aliases = ["model_name_or_path"],
    };

    public static readonly Key<string?> Reference = new(Section, "reference", Kinds.Location("a folder in Hugging Face layout").OrNull("the model itself"), null,
        "The frozen reference; null takes the model as it is before training.")
    {
        Aliases = ["ref_model_name_or_path"],
    };

    public static readonly Key<string?> Adapter = new(Section, "adapter", Kinds.Location("a folder in PEFT's layout").OrNull("none"), null,
        "An adapter of the model to train on; the reference is the model with the adapter as it is before training.");

    public static ImmutableArray<Key> All { get; } = [Path, Reference, Adapter];
}
