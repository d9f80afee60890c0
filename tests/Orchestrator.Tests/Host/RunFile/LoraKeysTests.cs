using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Tests.Training.Models.Adapters;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class LoraKeysTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public LoraKeysTests() => File.WriteAllText(Path.Combine(_folder.Path, "model", "config.json"), TinyModel.Config("llama"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_a_rank_all_weights_are_trained() => Assert.Null(Mapping.Lora(_folder.Read(RunFolder.Sound)));

    [Fact]
    public void TRLs_names_are_taken_as_they_are()
    {
        var settings = _folder.Read(RunFolder.Sound + "lora_r: 16\nlora_alpha: 8\nlora_dropout: 0.0\nlora_target_modules: [q_proj, v_proj]\nuse_rslora: true\nseed: 3\n");
        var lora = Mapping.Lora(settings)!;
        Assert.Equal(new LoraSpec(16, 8, RankStabilized: true), lora.New);
        Assert.Equal(["q_proj", "v_proj"], lora.TargetModules.ToArray());
        Assert.Equal((3, Path.Combine(_folder.Path, "model")), (lora.Seed, lora.BaseModel));
        Assert.Null(settings.FirstDifferenceInResult(SettingsReader.ReadSaved(SettingsWriter.Write(settings), "saved")));
    }

    [Fact]
    public void What_another_trainer_s_recipe_says_and_holds_here_anyway_may_stay()
    {
        var settings = _folder.Read(RunFolder.Sound + "dtype: float32\nuse_peft: true\nlora_r: 4\npush_to_hub: false\ngradient_checkpointing_kwargs: {use_reentrant: false}\nprecompute_ref_log_probs: true\n");
        Assert.Equal((4, "precompute"), (settings.Of(LoraKeys.Rank), settings.Of(ReferenceKeys.Logps)));
    }

    [Fact]
    public void A_target_that_the_model_lacks_is_a_problem_of_its_line()
    {
        var problem = Assert.Single(_folder.Problems(RunFolder.Sound + "lora:\n  lora_r: 8\n  lora_target_modules: q_prj\n"));
        Assert.Contains("line 5", problem, StringComparison.Ordinal);
        Assert.Contains("Did you mean q_proj?", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Dropout_is_refused_and_said_to_be_off() =>
        Assert.Contains("lora.lora_dropout is 0.05", Assert.Single(_folder.Problems(RunFolder.Sound + "lora_dropout: 0.05\n")), StringComparison.Ordinal);

    [Fact]
    public void An_adapter_to_go_on_with_is_checked_against_the_model()
    {
        Assert.Contains("does not exist", Assert.Single(_folder.Problems(RunFolder.Sound, "adapter=before")), StringComparison.Ordinal);
        var spec = Family.Describe(new ModelConfig("config.json", TinyModel.Config("llama")));
        using (var adapter = TinyAdapter.Create(spec))
        {
            AdapterDirectory.Save(adapter, spec, null, Path.Combine(_folder.Path, "before"));
        }

        Assert.Null(Mapping.Lora(_folder.Read(RunFolder.Sound, "adapter=before"))!.New);
        Assert.Contains("Leave one of them out", Assert.Single(_folder.Problems(RunFolder.Sound, "adapter=before", "lora_r=4")), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_folder.Path, "model", "config.json"), TinyModel.Config("gpt2"));
        Assert.Contains("is no adapter of a projection", Assert.Single(_folder.Problems(RunFolder.Sound, "adapter=before")), StringComparison.Ordinal);
    }
}
