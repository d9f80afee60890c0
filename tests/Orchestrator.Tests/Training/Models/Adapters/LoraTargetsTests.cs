using Orchestrator.Training;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Tests.Training.Models.Adapters;

public sealed class LoraTargetsTests
{
    [Theory]
    [InlineData("llama", "q_proj,v_proj", 4)]
    [InlineData("llama", "all-linear", 14)]
    [InlineData("llama", "model.layers.1.mlp.up_proj", 1)]
    [InlineData("gpt2", "c_attn", 2)]
    [InlineData("gpt2", "c_proj", 4)]
    [InlineData("gpt2", "attn.c_proj", 2)]
    [InlineData("gpt_neox", "query_key_value,dense", 4)]
    [InlineData("phi", "dense,fc1,fc2", 6)]
    public void A_name_stands_for_every_projection_that_ends_in_it(string kind, string names, int count) =>
        Assert.Equal(count, LoraTargets.Resolve(Spec(kind), [.. names.Split(',')]).Length);

    [Theory]
    [InlineData("gpt2", "c_attn")]
    [InlineData("gpt_neox", "query_key_value")]
    [InlineData("llama", "q_proj,v_proj")]
    [InlineData("mistral", "q_proj,v_proj")]
    [InlineData("qwen2", "q_proj,v_proj")]
    [InlineData("qwen3", "q_proj,v_proj")]
    [InlineData("gemma", "q_proj,v_proj")]
    [InlineData("gemma2", "q_proj,v_proj")]
    [InlineData("phi", "q_proj,v_proj,fc1,fc2")]
    [InlineData("phi3", "qkv_proj")]
    public void Where_nobody_names_any_PEFTs_projections_get_one(string kind, string names)
    {
        Assert.Equal(names, string.Join(',', LoraTargets.DefaultOf(Spec(kind))));
        Assert.Equal(names.Split(',').Length * 2, LoraTargets.Resolve(Spec(kind), new LoraOptions().TargetModules).Length);   // two layers
    }

    [Theory]
    [InlineData("llama", "q_prj", "Did you mean q_proj?")]
    [InlineData("llama", "all_linear", "Did you mean all-linear?")]
    [InlineData("gpt2", "c_atn", "Did you mean c_attn?")]
    [InlineData("llama", "lm_head", "the head get no adapter")]
    [InlineData("gpt2", "wte", "the head get no adapter")]
    [InlineData("llama", "proj", "This model has down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj, or all-linear")]
    public void A_name_that_fits_nothing_is_refused_with_the_nearest_that_does(string kind, string name, string message)
    {
        var error = Assert.Throws<ArgumentException>(() => LoraTargets.Resolve(Spec(kind), [name]));
        Assert.Contains($"names {name},", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Saved_names_are_the_shortest_that_mean_the_same()
    {
        var spec = Spec("gpt2");
        Assert.Equal(["c_attn", "c_proj"], Names(spec, "c_proj", "c_attn"));
        Assert.Equal(["transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"], Names(spec, "attn.c_proj"));
    }

    private static string[] Names(DecoderSpec spec, params string[] wanted) => [.. LoraTargets.NamesOf(spec, LoraTargets.Resolve(spec, [.. wanted]))];

    private static DecoderSpec Spec(string kind) => Family.Describe(new ModelConfig("config.json", kind is "qwen2" or "gemma" or "phi3" ? TinyModel.Config("llama").Replace("\"llama\"", $"\"{kind}\"", StringComparison.Ordinal) : TinyModel.Config(kind)));
}
