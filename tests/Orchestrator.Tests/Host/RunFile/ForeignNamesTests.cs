using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

/// <summary>Keys of other trainers: taken where they mean the same, said line by line where not.</summary>
public sealed class ForeignNamesTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("eval_strategy: steps\neval_steps: 20")]
    [InlineData("eval_strategy: steps\noutput: {eval_every_steps: 20}")]
    [InlineData("output.eval_every_steps: 20\neval_strategy: steps")]
    [InlineData("save_strategy: steps\nsave_steps: 20")]
    public void Steps_as_a_strategy_may_stand_beside_their_number(string text) => _folder.Read(RunFolder.Sound + text);

    // TRL would evaluate every logging_steps and save every 500; here it would be never.
    [Theory]
    [InlineData("eval_strategy: steps", "eval_strategy is not a key. Write output.eval_every_steps, or eval_steps beside eval_strategy: steps")]
    [InlineData("eval_strategy: steps\nsave_steps: 20", "eval_strategy is not a key. Write output.eval_every_steps")]
    [InlineData("save_strategy: steps", "save_strategy is not a key. Write output.save_every_steps, or save_steps beside save_strategy: steps")]
    [InlineData("save_strategy: epoch\nsave_steps: 20", "save_strategy is not a key. Write output.save_every_steps")]
    [InlineData("rpo_alpha: 0.5", "rpo_alpha is not a key. Write objective.loss_type: [sigmoid, sft] and objective.loss_weights: [1, rpo_alpha's value].")]
    [InlineData("generate_during_eval: true", "generate_during_eval is not a key. Write output.eval_samples")]
    [InlineData("per_device_eval_batch_size: 4", "per_device_eval_batch_size is not a key. Leave it out: an evaluation takes data.pairs_per_leaf pairs in a forward.")]
    public void What_means_something_else_here_is_told_with_what_to_write(string text, string message)
    {
        var problem = Assert.Single(_folder.Problems(RunFolder.Sound + text));
        Assert.StartsWith($"run.yaml, line 3: {message}", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("per_device_train_batch_size: 4\ngradient_accumulation_steps: 3\ncluster: {workers: 5}", 4, 60)]
    [InlineData("workers: 2\ngradient_accumulation_steps: 3\nper_device_train_batch_size: 4", 4, 24)]
    [InlineData("per_device_train_batch_size: 4\ngradient_accumulation_steps: 3", 4, 12)]
    [InlineData("per_device_train_batch_size: 4", 4, 4)]
    [InlineData("gradient_accumulation_steps: 3", 8, 24)]
    public void The_batch_may_have_the_names_of_trl(string text, int leaf, int step)
    {
        var settings = _folder.Read(RunFolder.Sound + text);
        Assert.Equal((leaf, step), (settings.Of(DataKeys.PairsPerLeaf)!.Value, settings.Of(DataKeys.PairsPerStep)));
        Assert.Contains($"  pairs_per_step: {step}\n", SettingsWriter.Write(settings), StringComparison.Ordinal);
        Assert.Contains($"  pairs_per_leaf: {leaf}\n", SettingsWriter.Write(settings), StringComparison.Ordinal);
    }

    // The number of workers that a command line asks for changes no result.
    [Fact]
    public void The_command_line_s_workers_do_not_change_the_batch_and_its_batch_wins()
    {
        const string Text = RunFolder.Sound + "per_device_train_batch_size: 4\ngradient_accumulation_steps: 3\n";
        Assert.Equal(12, _folder.Read(Text, "workers=7").Of(DataKeys.PairsPerStep));
        Assert.Equal(40, _folder.Read(Text, "pairs_per_step=40").Of(DataKeys.PairsPerStep));
    }

    [Theory]
    [InlineData("per_device_train_batch_size: 4\npairs_per_step: 8", "per_device_train_batch_size is not a key. Write data.pairs_per_leaf, the pairs of one forward and backward. It may stand where neither data.pairs_per_step nor data.pairs_per_leaf does, and data.pairs_per_step stands in line 4.")]
    [InlineData("gradient_accumulation_steps: 4\ndata.pairs_per_leaf: 8", "gradient_accumulation_steps is not a key. Write data.pairs_per_step, the pairs of a step: per_device_train_batch_size x gradient_accumulation_steps x number of devices. It may stand where neither data.pairs_per_step nor data.pairs_per_leaf does, and data.pairs_per_leaf stands in line 4.")]
    [InlineData("per_device_train_batch_size: 4\nworkers: 0", "per_device_train_batch_size is not a key. Write data.pairs_per_leaf, the pairs of one forward and backward. It may stand where cluster.workers is 1 or more, or absent (one process), and cluster.workers is 0 in line 4.")]
    [InlineData("per_device_train_batch_size: many", "per_device_train_batch_size is many. Needed is a whole number from 1 to 65536.")]
    [InlineData("gradient_accumulation_steps: 0", "gradient_accumulation_steps is 0. Needed is a whole number from 1 to 65536.")]
    [InlineData("gradient_accumulation_steps: 2\ngradient_accumulation_steps: 4", "gradient_accumulation_steps stands here and in line 3. Keep one of them.", 4)]
    [InlineData("gradient_accumulation_steps: 60000\nper_device_train_batch_size: 60000", "data.pairs_per_step is 3600000000. Needed is a whole number from 1 to 1048576.")]
    public void Where_the_batch_has_another_meaning_it_is_refused_and_why_is_said(string text, string message, int line = 3)
    {
        var problem = Assert.Single(_folder.Problems(RunFolder.Sound + text));
        Assert.Equal($"run.yaml, line {line}: {message}", problem);
    }
}
