using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Host.RunFile;

namespace Orchestrator.Tests.Host.Runs;

/// <summary>One run file for two runs: first sft, then the loss that it names.</summary>
public sealed class SftSettingsTests : IDisposable
{
    private const string Dpo = RunFolder.Sound + """
        reference: model
        loss_type: exo_pair
        label_smoothing: 0.1
        beta: 0.3
        sync_ref_model: true
        learning_rate: 3e-6
        lora_r: 0
        eval: {ood: pairs.jsonl}
        eval_every_steps: 10
        metric_for_best_model: eval_ood_rewards/accuracies
        greater_is_better: true

        """;

    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_belongs_to_another_loss_or_a_reference_is_passed_over_and_the_rest_stays()
    {
        var settings = SftSettings.Of(_folder.Read(Dpo));
        Assert.True(Mapping.IsSft(settings));
        Assert.Equal((0.1, 0.0, null, false), (settings.Of(ObjectiveKeys.Beta), settings.Of(ObjectiveKeys.LabelSmoothing), settings.Of(ModelKeys.Reference), settings.Of(ReferenceKeys.Sync)));
        Assert.Equal(3e-6, settings.Of(TrainingKeys.LearningRate));
        Assert.Equal(("eval_ood_loss", null), (settings.Of(SelectionKeys.Metric), settings.Of(SelectionKeys.GreaterIsBetter)));
        var written = SettingsWriter.Write(settings);
        Assert.Equal(written, SettingsWriter.Write(SftSettings.Of(_folder.Read(written))));
    }

    [Fact]
    public void Its_folder_is_beside_that_of_the_run_on_the_pairs_unless_another_is_named()
    {
        var (dpo, sft) = (_folder.Read(Dpo), _folder.Read(RunFolder.Sound + "loss_type: sft\n"));
        var output = new OutputDirectory("/runs/a/");
        Assert.Equal("/runs/a-sft", SftSettings.Output(dpo, output, ["beta=0.2"]).Path);
        Assert.Equal(output, SftSettings.Output(dpo, output, ["output_dir=/runs/a"]));
        Assert.Equal(output, SftSettings.Output(dpo, output, ["output.output_dir=/runs/a"]));
        Assert.Equal(output, SftSettings.Output(sft, output, []));
    }
}
