using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

/// <summary>What does not fit the loss is told before anything is loaded.</summary>
public sealed class ObjectiveChecksTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("loss_type: orpo\nreference: model", "and orpo compares with no reference. Leave it out.")]
    [InlineData("reference_free: true\nreference: model", "and sigmoid with reference_free compares with no reference")]
    [InlineData("loss_type: kto\npairs_per_step: 1\npairs_per_leaf: 1", "data.pairs_per_step is 1, and kto compares a row with the others of its step")]
    [InlineData("sync_ref_model: true\nreference_logps: precompute", "reference_logps precompute asks it once for all")]
    [InlineData("sync_ref_model: true\nlora_r: 0\nadapter: model", "with adapters both share their weights")]
    [InlineData("sync_ref_model: true\nloss_type: simpo", "reference.sync_ref_model mixes the policy into the reference, and simpo compares with none")]
    [InlineData("sync_ref_model: true\nreference_free: true", "sigmoid with reference_free compares with none")]
    [InlineData("ref_model_mixup_alpha: 0.3", "reference.ref_model_mixup_alpha is 0.3, and the reference stays as it is")]
    [InlineData("ref_model_sync_steps: 64", "reference.ref_model_sync_steps is 64, and the reference stays as it is")]
    [InlineData("simpo_gamma: 1.5", "objective.simpo_gamma is 1.5, and it belongs to simpo, which loss_type does not name")]
    [InlineData("cpo_alpha: 0", "belongs to cpo, simpo, which loss_type does not name")]
    [InlineData("gt_reward_scale: 2", "belongs to rpo_sq, rpo_bwd_kl, rpo_fwd_kl")]
    [InlineData("desirable_weight: 2", "it belongs to kto")]
    [InlineData("loss_type: [sigmoid, sft]\nunlikelihood_alpha: 0.5", "it belongs to unlikelihood")]
    [InlineData("f_alpha_divergence_coef: 0.7", "belongs to f_divergence_type alpha_divergence")]
    [InlineData("loss_type: kto\nlabel_smoothing: 0.1", "kto does not use it")]
    public void A_key_that_does_not_fit_the_loss_is_refused(string lines, string says)
    {
        var problem = Assert.Single(_folder.Problems(RunFolder.Sound + lines + "\n"));
        Assert.StartsWith("run.yaml, line ", problem, StringComparison.Ordinal);
        Assert.Contains(says, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_the_losses_that_are_named_are_taken_under_trl_s_names()
    {
        var settings = _folder.Read(RunFolder.Sound + "loss_type: [simpo, cpo, discopop]\nsimpo_gamma: 1\ncpo_alpha: 0.5\ndiscopop_tau: 0.1\nsync_ref_model: true\nref_model_mixup_alpha: 0.9\nref_model_sync_steps: 64\nreference: model\n");
        var options = Orchestrator.Host.Runs.Mapping.Replica(settings, "cpu", null);
        Assert.Equal((0.9, 64), (options.ReferenceUpdate!.MixupAlpha, options.ReferenceUpdate.EverySteps));
        Assert.Null(Orchestrator.Host.Runs.Mapping.Replica(_folder.Read(RunFolder.Sound), "cpu", null).ReferenceUpdate);
    }

    // A run's own run.yaml says every key, those that do nothing there with their defaults.
    [Theory]
    [InlineData("loss_type: kto\ndesirable_weight: 1.2\n")]
    [InlineData("loss_type: sft\n")]
    [InlineData("sync_ref_model: true\nref_model_sync_steps: 7\n")]
    public void What_a_run_writes_down_can_be_read_again(string lines)
    {
        var written = SettingsWriter.Write(_folder.Read(RunFolder.Sound + lines));
        Assert.Equal(written, SettingsWriter.Write(_folder.Read(written)));
    }
}
