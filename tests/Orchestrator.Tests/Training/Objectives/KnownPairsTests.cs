using System.Text.Json;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Models;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

/// <summary>From token ids to loss and gradient, through a packed forward pass, against known answers of every family.</summary>
public sealed class KnownPairsTests
{
    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public void Log_probabilities_and_losses_of_pairs_match_the_known_answers(string name)
    {
        using var known = KnownModel.Load(name);
        using var reference = Reference(known);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var dpo = known.Expected.GetProperty("dpo");
        var pairs = dpo.GetProperty("pairs").EnumerateArray().ToArray();
        var batch = Pack(pairs);
        var tokens = TokenLogProbs.Of(known.Model, known.Model.Hidden(batch.Tokens), batch.At, batch.Targets, chunk: 7);
        var policy = CompletionSums.OfPairs(tokens, batch.Lengths);
        var frozen = Sums(reference, batch);
        var expected = pairs.SelectMany(pair => new[] { "chosen_token_logps", "rejected_token_logps" }.SelectMany(side => Numbers(pair.GetProperty("policy").GetProperty(side))));
        Close(expected, tokens.to(ScalarType.Float64), known.Tolerance("token_logp_abs"));
        Close(pairs.Select(pair => pair.GetProperty("reference").GetProperty("rejected_logp").GetDouble()), frozen.Rejected!.Sum, known.Tolerance("sum_logp_abs"));
        foreach (var beta in new[] { 0.1, 0.5 })
        {
            var at = $"beta_{beta}";
            CheckLoss(pairs, at, "sigmoid", policy, frozen, new ObjectiveOptions { Beta = beta });
            CheckLoss(pairs, at, "hinge", policy, frozen, new ObjectiveOptions { LossType = ["hinge"], Beta = beta });
            CheckLoss(pairs, at, "ipo_on_sums", policy, frozen, new ObjectiveOptions { LossType = ["ipo_sum"], Beta = beta });
            CheckLoss(pairs, at, "ipo_on_means", policy, frozen, new ObjectiveOptions { LossType = ["ipo"], Beta = beta });
            CheckLoss(pairs, at, "sigmoid_label_smoothing_0.1", policy, frozen, new ObjectiveOptions { Beta = beta, LabelSmoothing = 0.1 });
        }
    }

    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public void The_gradient_of_a_batch_matches_the_known_answer(string name)
    {
        using var known = KnownModel.Load(name);
        using var reference = Reference(known);
        var dpo = known.Expected.GetProperty("dpo");
        var pairs = dpo.GetProperty("pairs").EnumerateArray().ToArray();
        foreach (var item in dpo.GetProperty("batches").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            var batch = Pack([.. item.GetProperty("pair_indices").EnumerateArray().Select(index => pairs[index.GetInt32()])]);
            var frozen = Sums(reference, batch);
            var policy = Sums(known.Model, batch);
            var objective = Objective.Create(new ObjectiveOptions { Beta = item.GetProperty("beta").GetDouble() });
            var loss = objective.Compute(policy, frozen, StepView.Alone(policy, frozen)).Loss.sum() / batch.Lengths.Length * 2;
            Assert.Equal(item.GetProperty("loss").GetDouble(), loss.item<double>(), known.Tolerance("sigmoid_loss_abs"));
            BackwardPass.Run(loss);
            CheckGradients(item, PackedForwardTests.Gradients(known.Model));
        }
    }

    internal static CausalLM Reference(KnownModel known)
    {
        var reference = ModelDirectory.Load(known.Directory, CPU);
        var how = known.Expected.GetProperty("dpo").GetProperty("reference");
        using var guard = no_grad();
        foreach (var name in how.GetProperty("tensors").EnumerateArray())
        {
            reference[name.GetString()!].mul_(how.GetProperty("factor").GetDouble());
        }

        return reference;
    }

    internal static PackedBatch Pack(JsonElement[] pairs)
    {
        var batch = new PackedBatch();
        int[] Ids(JsonElement pair, string key) => [.. pair.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
        foreach (var pair in pairs)
        {
            batch.AddPair(Ids(pair, "prompt_ids"), Ids(pair, "chosen_ids"), Ids(pair, "rejected_ids"));
        }

        return batch;
    }

    internal static PairLogProbs Sums(CausalLM model, PackedBatch batch)
    {
        using var guard = model.Parameters.First().Parameter.requires_grad ? null : no_grad();
        return CompletionSums.OfPairs(TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets), batch.Lengths);
    }

    private static void CheckLoss(JsonElement[] pairs, string at, string key, PairLogProbs policy, PairLogProbs reference, ObjectiveOptions options)
    {
        var result = Objective.Create(options).Compute(policy, reference, StepView.Alone(policy, reference));
        double[] expected = [.. pairs.Select(pair => pair.GetProperty(at).GetProperty(key).GetDouble())];
        Close(expected, result.Loss, 2e-5 * Math.Max(1, expected.Max()));
        Close(pairs.Select(pair => pair.GetProperty(at).GetProperty("chosen_reward").GetDouble()), result.ChosenRewards!, 1e-4);
        Close(pairs.Select(pair => pair.GetProperty(at).GetProperty("rejected_reward").GetDouble()), result.RejectedRewards!, 1e-4);
    }

    private static void CheckGradients(JsonElement item, Dictionary<string, Tensor> gradients)
    {
        var norm = item.GetProperty("grad_norm").GetDouble();
        var norms = gradients.ToDictionary(pair => pair.Key, pair => pair.Value.to(ScalarType.Float64).square().sum().sqrt().item<double>());
        Assert.Equal(1, Math.Sqrt(norms.Values.Sum(value => value * value)) / norm, 1e-4);
        var expected = item.GetProperty("grad_norm_per_tensor").EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetDouble());
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), norms.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, pair => Assert.Equal(pair.Value, norms[pair.Key], 1e-4 * norm));
        foreach (var first in item.GetProperty("grad_first8").EnumerateObject())
        {
            Close(Numbers(first.Value), gradients[first.Name].flatten().narrow(0, 0, 8).to(ScalarType.Float64), 1e-4 * expected[first.Name]);
        }
    }

    private static IEnumerable<double> Numbers(JsonElement row) => row.EnumerateArray().Select(value => value.GetDouble());

    private static void Close(IEnumerable<double> expected, Tensor actual, double tolerance) =>
        PackedForwardTests.AssertClose(tensor(expected.ToArray()), actual, tolerance);
}
