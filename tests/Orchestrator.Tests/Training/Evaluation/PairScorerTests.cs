using System.Text.Json;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Data;
using Orchestrator.Training.Evaluation;
using Orchestrator.Training.Models;
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
