using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models.Adapters;

public sealed class AdapterDirectoryTests : IDisposable
{
    private const string Phi3 = """
        {"model_type":"phi3","rms_norm_eps":1e-5,"hidden_size":24,"num_hidden_layers":1,"intermediate_size":32,"vocab_size":61,"max_position_embeddings":48,
         "num_attention_heads":4,"num_key_value_heads":2}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("adapter-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_adapter_saved_and_loaded_again_is_the_same_to_the_last_bit()
    {
        using var model = TinyModel.Create("gpt2");
        using var adapter = TinyAdapter.Create(model.Spec, new LoraSpec(3, 7.5, RankStabilized: true), ["c_attn", "c_fc"]);
        AdapterDirectory.Save(adapter, model.Spec, "/models/base", _folder);
        using var again = AdapterDirectory.Load(_folder, model.Spec, CPU);
        Assert.Equal(adapter.Spec, again.Spec);
        Assert.Equal(adapter.Parameters.Select(p => p.Name), again.Parameters.Select(p => p.Name));
        Assert.All(adapter.Parameters.Zip(again.Parameters), pair => Assert.Equal(pair.First.Parameter.detach().bytes.ToArray(), pair.Second.Parameter.detach().bytes.ToArray()));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.EnumerateFiles(_folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    // PEFT wraps the model twice (base_model, model) and puts the matrices under lora_A and lora_B; GPT-2's Conv1D weights are [in, out], its adapters' are not.
    [Theory]
    [InlineData("llama", "q_proj", "base_model.model.model.layers.0.self_attn.q_proj", 24, 24)]
    [InlineData("llama", "down_proj", "base_model.model.model.layers.0.mlp.down_proj", 32, 24)]
    [InlineData("gpt2", "c_attn", "base_model.model.transformer.h.0.attn.c_attn", 24, 72)]
    [InlineData("gpt_neox", "query_key_value", "base_model.model.gpt_neox.layers.0.attention.query_key_value", 24, 72)]
    [InlineData("gpt_neox", "dense_4h_to_h", "base_model.model.gpt_neox.layers.0.mlp.dense_4h_to_h", 32, 24)]
    [InlineData("phi3", "qkv_proj", "base_model.model.model.layers.0.self_attn.qkv_proj", 24, 48)]
    [InlineData("phi3", "gate_up_proj", "base_model.model.model.layers.0.mlp.gate_up_proj", 24, 64)]
    public void Names_shapes_and_keys_are_PEFTs(string kind, string target, string module, int wide, int narrow)
    {
        var spec = Spec(kind);
        using var adapter = TinyAdapter.Create(spec, targets: [target]);
        AdapterDirectory.Save(adapter, spec, "/models/base", _folder);
        using var file = Safetensors.Open(Path.Combine(_folder, "adapter_model.safetensors"));
        Assert.Equal([3, wide], file.Entries[$"{module}.lora_A.weight"].Shape.ToArray());
        Assert.Equal([narrow, 3], file.Entries[$"{module}.lora_B.weight"].Shape.ToArray());
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.All(file.Entries.Values, entry => Assert.Equal("F32", entry.Dtype));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!;
        Assert.Equal("LORA", (string?)config["peft_type"]);
        Assert.Equal("CAUSAL_LM", (string?)config["task_type"]);
        Assert.Equal("/models/base", (string?)config["base_model_name_or_path"]);
        Assert.Equal((3, 7.5, false), ((int)config["r"]!, (double)config["lora_alpha"]!, (bool)config["use_rslora"]!));
        Assert.Equal(kind == "gpt2", (bool)config["fan_in_fan_out"]!);
        Assert.Equal([target], config["target_modules"]!.AsArray().Select(name => (string?)name));
    }

    [Theory]
    [InlineData("use_dora", "true", "use_dora is true")]
    [InlineData("bias", "\"all\"", "bias is all")]
    [InlineData("peft_type", "\"LOHA\"", "peft_type is LOHA")]
    [InlineData("init_lora_weights", "\"pissa\"", "init_lora_weights is pissa")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save is [\"lm_head\"]")]
    [InlineData("rank_pattern", "{\"q_proj\": 2}", "rank_pattern")]
    public void What_PEFT_can_do_and_we_cannot_is_refused_by_name(string key, string value, string message)
    {
        Save("llama", config => config[key] = JsonNode.Parse(value));
        Assert.Contains(message, Assert.Throws<NotSupportedException>(() => AdapterDirectory.Check(_folder, Spec("llama"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_programs_extra_keys_and_patterns_do_no_harm()
    {
        Save("llama", config =>
        {
            (config["target_modules"], config["lora_dropout"], config["use_dora"]) = (".*_proj", 0.05, false);
            (config["eva_config"], config["modules_to_save"], config["target_parameters"]) = (null, null, null);
        });
        Assert.Equal(14, AdapterDirectory.Check(_folder, Spec("llama")).Targets.Length);
    }

    [Fact]
    public void Every_tensor_that_does_not_fit_is_named()
    {
        Save("llama", config => config["r"] = 5);
        var shapes = Assert.Throws<InvalidDataException>(() => AdapterDirectory.Load(_folder, Spec("llama"), CPU)).Message;
        Assert.Contains("layers.0.mlp.down_proj.lora_A.weight is [3, 32], and adapter_config.json and the model make it [5, 32]", shapes, StringComparison.Ordinal);
        var other = Assert.Throws<InvalidDataException>(() => AdapterDirectory.Check(_folder, Spec("gpt2"))).Message;
        Assert.Contains("base_model.model.model.layers.0.mlp.down_proj.lora_A.weight is no adapter of a projection of this model", other, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_the_files_is_refused()
    {
        Assert.Contains("adapter_config.json", Assert.Throws<FileNotFoundException>(() => AdapterDirectory.Check(_folder, Spec("llama"))).Message, StringComparison.Ordinal);
        Save("llama", _ => { });
        File.Delete(Path.Combine(_folder, "adapter_model.safetensors"));
        Assert.Contains("safetensors format", Assert.Throws<FileNotFoundException>(() => AdapterDirectory.Check(_folder, Spec("llama"))).Message, StringComparison.Ordinal);
    }

    private void Save(string kind, Action<JsonNode> change)
    {
        var spec = Spec(kind);
        using var adapter = TinyAdapter.Create(spec);
        AdapterDirectory.Save(adapter, spec, null, _folder);
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        change(config);
        File.WriteAllText(path, config.ToJsonString(new JsonSerializerOptions()));
    }

    private static DecoderSpec Spec(string kind) => Family.Describe(new ModelConfig("config.json", kind == "phi3" ? Phi3 : TinyModel.Config(kind)));
}
