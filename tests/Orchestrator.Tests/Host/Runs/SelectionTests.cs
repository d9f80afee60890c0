using Orchestrator.Cluster;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Host.RunFile;

namespace Orchestrator.Tests.Host.Runs;

public sealed class SelectionTests : IDisposable
{
    private const string Sets = RunFolder.Sound + "eval_dataset: {helpful: pairs.jsonl, harmless: pairs.jsonl}\neval_steps: 5\n";

    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("loss", "eval", "eval loss")]
    [InlineData("eval_rewards/accuracies", "eval", "eval rewards/accuracies")]
    [InlineData("eval_helpful_loss", "helpful harmless", "helpful loss")]
    [InlineData("harmless_rewards/margins", "helpful harmless", "harmless rewards/margins")]
    [InlineData("a_b_loss", "a a_b", "a_b loss")]
    [InlineData("loss", "helpful harmless", null)]
    [InlineData("helpful_", "helpful", null)]
    public void A_metric_is_found_by_its_sets_prefix(string name, string sets, string? found) =>
        Assert.Equal(found, Selection.Resolve(name, sets.Split(' ')) is { } rule ? $"{rule.Set} {rule.Metric}" : null);

    [Fact]
    public void Unless_told_a_loss_is_better_when_lower_and_anything_else_when_higher()
    {
        Assert.Equal(new SelectionRules("helpful", "loss", false), Selection.Of(_folder.Read(Sets + "metric_for_best_model: eval_helpful_loss\n")));
        Assert.Equal(new SelectionRules("helpful", "rewards/margins", true, 3, 0.01), Selection.Of(_folder.Read(
            Sets + "metric_for_best_model: helpful_rewards/margins\nearly_stopping_patience: 3\nearly_stopping_threshold: 0.01\n")));
        Assert.Equal(new SelectionRules("eval", "loss", true), Selection.Of(_folder.Read(
            RunFolder.Sound + "eval: pairs.jsonl\neval_steps: 5\nload_best_model_at_end: true\ngreater_is_better: true\n")));
        Assert.Null(Selection.Of(_folder.Read(Sets)));
    }

    [Theory]
    [InlineData("eval: null\nload_best_model_at_end: true\neval_steps: 5\n", "there are no held-out pairs")]
    [InlineData("eval: {a: pairs.jsonl}\nload_best_model_at_end: true\neval_steps: 5\n", "none of the evaluation sets a. Write their name before it: eval_a_loss.")]
    [InlineData("eval: pairs.jsonl\nearly_stopping_patience: 2\n", "eval_every_steps is 0")]
    [InlineData("eval: pairs.jsonl\neval_steps: 5\nmetric_for_best_model: eval_reward/accuracies\n", "gives no reward/accuracies, but loss, rewards/chosen, rewards/rejected, rewards/accuracies, rewards/margins, logps/chosen, logps/rejected, num_tokens. Did you mean eval_rewards/accuracies?")]
    [InlineData("eval: {train: pairs.jsonl}\n", "The name train is that of the training pairs")]
    [InlineData("eval: {a: pairs.jsonl, a: pairs.jsonl}\n", "The name a stands there twice")]
    public void What_cannot_be_compared_is_refused_before_anything_starts(string more, string problem) =>
        Assert.Contains(problem, Assert.Single(_folder.Problems(RunFolder.Sound + more)), StringComparison.Ordinal);
}
