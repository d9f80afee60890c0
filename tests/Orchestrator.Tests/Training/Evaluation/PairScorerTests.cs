using System.Text.Json;
using Orchestrator.Core;
using Orchestrator.Tests.Training.Data;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Evaluation;
using Orchestrator.Training.Models;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Steps;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Evaluation;

public sealed class PairScorerTests
{
    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public async Task Tokens_rewards_and_losses_are_the_known_ones(string name)
    {
        using var known = KnownModel.Load(name);
        var root = Directory.CreateTempSubdirectory("score-").FullName;
        try
        {
            var dpo = known.Expected.GetProperty("dpo");
            var reference = known.SaveReference(Path.Combine(root, "reference"));
            var expected = dpo.GetProperty("pairs").EnumerateArray().ToArray();
            using var pairs = Rows(expected, Path.Combine(root, "score.pairs"));
            await using var scorer = await PairScorer.OpenAsync(new ScoreOptions { Model = known.Directory, Reference = reference, Threads = 1, RowsPerPass = 4 });
            var (totals, sum) = (ScoreTotals.Nothing, 0.0);
            await foreach (var score in scorer.ScoreAsync(pairs))
            {
                Check(known, expected[score.Row], score);
                totals = totals.Add(score);
                sum += expected[score.Row].GetProperty("beta_0.1").GetProperty("sigmoid").GetDouble();
            }

            Assert.Equal(expected.Length, totals.Rows);
            Assert.Equal(sum / expected.Length, totals.MeanLoss, known.Tolerance("sigmoid_loss_abs"));
            Assert.Equal(expected.Count(pair => pair.GetProperty("logratio_margin").GetDouble() > 0) / (double)expected.Length, totals.Accuracy);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public async Task A_missing_reference_is_an_error_before_anything_is_loaded() =>
        Assert.Contains("reference", (await Assert.ThrowsAsync<ArgumentException>(() => PairScorer.OpenAsync(new ScoreOptions { Model = "absent" }))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("aot")]
    [InlineData("aot_unpaired")]
    [InlineData("kto")]
    public async Task A_loss_that_judges_a_row_by_a_whole_step_is_refused(string loss)
    {
        var options = new ScoreOptions { Model = "absent", Reference = "absent", Objective = new ObjectiveOptions { LossType = [loss] } };
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => PairScorer.OpenAsync(options));
        Assert.StartsWith($"The objective {loss} judges a row by a whole step's rows", refusal.Message, StringComparison.Ordinal);
    }

    // Six rows of unlike lengths in leaves of four and two: their cross-entropy counts the tokens of a leaf alike.
    [Theory]
    [InlineData("cpo")]
    [InlineData("unlikelihood")]
    [InlineData("simpo", "sft")]
    [InlineData("sft")]
    public async Task The_mean_loss_is_that_of_an_evaluation_in_the_same_leaves(params string[] loss)
    {
        using var folder = new DataDirectory();
        var objective = new ObjectiveOptions { LossType = [.. loss] };
        using var model = TinyModel.Create("llama");
        ModelDirectory.Save(model, null, folder.At("model"));
        using var pairs = Unlike(folder.Target, loss is ["sft"] ? 1 : 2);
        await using var scorer = await PairScorer.OpenAsync(new ScoreOptions { Model = folder.At("model"), Objective = objective, Threads = 1, RowsPerPass = 4 });
        var totals = ScoreTotals.Nothing;
        await foreach (var score in scorer.ScoreAsync(pairs))
        {
            totals = totals.Add(score);
        }

        using var step = new TrainStep(model, null, Objective.Create(objective), 256, 0, Timeline.Off);
        var set = new PairSet("eval", pairs);
        MetricSum[] leaves = [.. new int[][] { [0, 1, 2, 3], [4, 5] }.Select(rows => step.Evaluate(set, [.. rows], 4).Single(metric => metric.Name == "loss"))];
        Assert.Equal(leaves.Sum(leaf => leaf.Sum) / leaves.Sum(leaf => leaf.Weight), totals.MeanLoss, 1e-9);
    }

    // The policy is its own reference, so d = 0 and the loss is (ηg)² with η = 2 and g = 0.5, 1.
    [Fact]
    public async Task Losses_that_compare_with_rewards_of_the_data_take_them_from_the_rows()
    {
        using var folder = new DataDirectory();
        using var model = TinyModel.Create("llama");
        ModelDirectory.Save(model, null, folder.At("model"));
        using (var writer = new EncodedPairsWriter(folder.Target, 2, RowNote.RewardMargin))
        {
            writer.Add([1, 2], [3, 4], [5], rewardMargin: 0.5);
            writer.Add([1, 2], [6], [7, 8], rewardMargin: 1);
            writer.Commit();
        }

        using var pairs = EncodedPairs.Open(folder.Target);
        await using var scorer = await PairScorer.OpenAsync(new ScoreOptions
        {
            Model = folder.At("model"),
            Reference = folder.At("model"),
            Objective = new ObjectiveOptions { LossType = ["rpo_sq"], GtRewardScale = 2 },
            Threads = 1,
        });
        var losses = new List<double>();
        await foreach (var score in scorer.ScoreAsync(pairs))
        {
            losses.Add(score.Loss);
        }

        Assert.Equal([1.0, 4.0], losses);
    }

    private static EncodedPairs Unlike(string path, int completions)
    {
        using var writer = new EncodedPairsWriter(path, completions);
        for (var row = 0; row < 6; row++)
        {
            writer.Add(TinyModel.Ids(3, row), TinyModel.Ids(2 + 3 * row, 10 + row), completions == 2 ? TinyModel.Ids(13 - 2 * row, 20 + row) : []);
        }

        writer.Commit();
        return EncodedPairs.Open(path);
    }

    private static void Check(KnownModel known, JsonElement pair, PairScore score)
    {
        foreach (var (side, found) in new[] { ("chosen", score.Chosen), ("rejected", score.Rejected!) })
        {
            Close(pair.GetProperty("policy").GetProperty($"{side}_token_logps"), found.Policy, known.Tolerance("token_logp_abs"));
            Close(pair.GetProperty("reference").GetProperty($"{side}_token_logps"), found.Reference!.Value, known.Tolerance("token_logp_abs"));
        }

        var beta = pair.GetProperty("beta_0.1");
        Assert.Equal(beta.GetProperty("chosen_reward").GetDouble(), score.ChosenReward!.Value, known.Tolerance("sum_logp_abs"));
        Assert.Equal(beta.GetProperty("rejected_reward").GetDouble(), score.RejectedReward!.Value, known.Tolerance("sum_logp_abs"));
        Assert.Equal(beta.GetProperty("sigmoid").GetDouble(), score.Loss, known.Tolerance("sigmoid_loss_abs"));
        Assert.Equal(pair.GetProperty("policy").GetProperty("chosen_logp").GetDouble(), score.Chosen.PolicySum, known.Tolerance("sum_logp_abs"));
    }

    private static EncodedPairs Rows(JsonElement[] pairs, string path)
    {
        static int[] Ids(JsonElement pair, string name) => [.. KnownModel.Ids(pair.GetProperty(name)).Select(id => (int)id)];
        using var writer = new EncodedPairsWriter(path, 2);
        foreach (var pair in pairs)
        {
            writer.Add(Ids(pair, "prompt_ids"), Ids(pair, "chosen_ids"), Ids(pair, "rejected_ids"));
        }

        writer.Commit();
        return EncodedPairs.Open(path);
    }

    private static void Close(JsonElement expected, IReadOnlyCollection<float> found, double tolerance)
    {
        var values = KnownModel.Numbers(expected);
        Assert.Equal(values.Length, found.Count);
        Assert.All(values.Zip(found), pair => Assert.Equal(pair.First!.Value, pair.Second, tolerance));
    }
}
