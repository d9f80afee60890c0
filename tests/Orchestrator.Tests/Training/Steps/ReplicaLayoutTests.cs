using Orchestrator.Core;
using Orchestrator.Training;
using Orchestrator.Training.Objectives;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>What is promised of a run: its weights do not depend on who computed what.</summary>
public sealed class ReplicaLayoutTests
{
    // 37 pairs in steps of 16: the third step spans two epochs.
    [Theory]
    [InlineData("llama", 16, 2)]
    [InlineData("gpt2", 16, 2)]
    [InlineData("llama", 14, 4)]
    public async Task Weights_are_the_same_to_the_last_bit_for_any_number_of_workers(string kind, int perStep, int perLeaf)
    {
        using var rig = ReplicaRig.Tiny(kind, pairs: 37, perStep, perLeaf, steps: 5);
        var one = await rig.TrainAsync(workers: 1, until: 5);
        Assert.Equal(5, one.Losses.Distinct().Count());
        foreach (var workers in new[] { 2, 3, 4 })
        {
            var many = await rig.TrainAsync(workers, until: 5);
            Assert.Equal(one.Weights, many.Weights);
            Assert.Equal(one.Digest, many.Digest);
            Assert.Equal(one.Metrics.SelectMany(m => m), many.Metrics.SelectMany(m => m));
        }
    }

    [Fact]
    public async Task Remembered_reference_values_do_not_depend_on_who_met_the_pair_first()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 12, pairsPerStep: 8, pairsPerLeaf: 2, steps: 5);
        rig.Options = rig.Options with { Reference = ReferenceMode.Live };
        var live = await rig.TrainAsync(1, 5);
        rig.Options = rig.Options with { Reference = ReferenceMode.Precompute };
        var one = await rig.TrainAsync(1, 5);
        var three = await rig.TrainAsync(3, 5);
        Assert.Equal(one.Weights, three.Weights);
        Assert.All(live.Losses.Zip(one.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public async Task Sequential_reduction_gives_the_same_bits_for_the_same_layout_and_nearly_the_same_for_others()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 16, pairsPerStep: 16, pairsPerLeaf: 2, steps: 3);
        var canonical = await rig.TrainAsync(1, 3);
        rig.Options = rig.Options with { Reduction = Reduction.Sequential };
        var first = await rig.TrainAsync(3, 3);
        Assert.Equal(first.Weights, (await rig.TrainAsync(3, 3)).Weights);
        Assert.All(canonical.Steps.Zip(first.Steps), pair => Assert.Equal(1, pair.First.GradientNorm / pair.Second.GradientNorm, 1e-5));
        Assert.All(canonical.Losses.Zip(first.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    // Leaves of 3 and 1 pairs: a mean of the two means would weigh the single pair three times as much as the others.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    public async Task Uneven_leaves_give_the_gradient_of_the_mean_over_all_pairs(int perLeaf, int workers)
    {
        using var whole = ReplicaRig.Tiny("llama", pairs: 4, pairsPerStep: 4, pairsPerLeaf: 4, steps: 2);
        using var cut = ReplicaRig.Tiny("llama", pairs: 4, pairsPerStep: 4, pairsPerLeaf: perLeaf, steps: 2);
        var (expected, found) = (await whole.TrainAsync(1, 2), await cut.TrainAsync(workers, 2));
        Assert.All(expected.Steps.Zip(found.Steps), pair => Assert.Equal(1, pair.First.GradientNorm / pair.Second.GradientNorm, 2e-5));
        Assert.All(expected.Losses.Zip(found.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Theory]
    [InlineData(1, 1, ReferenceMode.Live)]
    [InlineData(3, 2, ReferenceMode.Live)]
    [InlineData(8, 1, ReferenceMode.Live)]
    [InlineData(8, 1, ReferenceMode.Precompute)]
    public async Task The_first_loss_is_ln_2_and_no_answer_is_preferred(int perLeaf, int workers, ReferenceMode reference)
    {
        using var rig = ReplicaRig.Tiny("gpt2", pairs: 8, pairsPerStep: 8, perLeaf, steps: 1);
        rig.Options = rig.Options with { Reference = reference };
        var trained = await rig.TrainAsync(workers, 1);
        Assert.Equal(Math.Log(2), Assert.Single(trained.Losses), 1e-6);
        Assert.InRange(trained.Steps[0].GradientNorm, 1e-3, 1e3);
        if (reference == ReferenceMode.Live)
        {
            Assert.Equal(0, trained.Metrics[0].Single(metric => metric.Name == "rewards/accuracies").Sum);
            Assert.Equal(0, trained.Metrics[0].Single(metric => metric.Name == "rewards/margins").Sum);
        }
    }

    // Warm-up of 2: 1/3, 2/3 and then all of 1e-4.
    [Fact]
    public async Task Metrics_and_rates_have_TRL_s_names_and_the_schedule_s_values()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 3, steps: 3);
        var trained = await rig.TrainAsync(2, 3);
        Assert.All(trained.Steps.Zip([1e-4 / 3, 2e-4 / 3, 1e-4]), pair => Assert.Equal(pair.Second, pair.First.LearningRate, 1e-12));
        Assert.Equal(
            ["loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "num_tokens"],
            trained.Metrics[2].Select(metric => metric.Name));
        Assert.Equal(Objective.Create(rig.Options.Objective).Needs.Metrics, trained.Metrics[2].Select(metric => metric.Name));
        Assert.All(trained.Metrics[2].SkipLast(1), metric => Assert.Equal(8, metric.Weight));
        var tokens = ReplicaRig.RandomRows(8, 5).Sum(row => 2 * row.Item1.Length + row.Item2.Length + row.Item3.Length);
        Assert.Equal(new MetricSum("num_tokens", tokens, 0), trained.Metrics[2][^1]);
    }

    // aot sorts the margins of all the step's pairs: a leaf by itself would give another loss. use_weighting looks at each token's alternatives.
    [Theory]
    [InlineData("aot", false)]
    [InlineData("aot_unpaired", false)]
    [InlineData("sigmoid", true)]
    public async Task Objectives_that_look_beyond_a_pair_s_sums_depend_neither_on_leaves_nor_on_workers(string loss, bool weighting)
    {
        async Task<Trained> Train(int perLeaf, int workers)
        {
            using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, perLeaf, steps: 4);
            rig.Options = rig.Options with { Objective = new() { LossType = [loss], UseWeighting = weighting }, Schedule = new() { LearningRate = 1e-3, WarmupSteps = 0 } };
            return await rig.TrainAsync(workers, 4);
        }

        var (whole, one) = (await Train(8, 1), await Train(2, 1));
        foreach (var workers in new[] { 2, 3, 4 })
        {
            Assert.Equal(one.Weights, (await Train(2, workers)).Weights);
        }

        Assert.All(whole.Losses.Zip(one.Losses), pair => Assert.Equal(pair.First, pair.Second, 2e-4));
        Assert.All(whole.Steps.Zip(one.Steps), pair => Assert.Equal(1, pair.First.GradientNorm / pair.Second.GradientNorm, 1e-3));
        Assert.True(one.Losses.Last() < one.Losses.First());
    }

    // Policy and reference agree at first, so that pair i, whose rewards are i - 3.5 apart, costs (0.5 (i - 3.5))²: on average 1.3125.
    [Fact]
    public async Task Pairs_are_drawn_to_their_own_margins_of_rewards_whoever_computes_them()
    {
        async Task<Trained> Train(int workers)
        {
            using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 30);
            rig.AddRows("train", ReplicaRig.RandomRows(8, 5), margin: row => row - 3.5);
            rig.Options = rig.Options with { Objective = new() { LossType = ["rpo_sq"], GtRewardScale = 0.5, Beta = 1 }, Schedule = new() { LearningRate = 1e-4, WarmupSteps = 0 } };
            return await rig.TrainAsync(workers, 30);
        }

        var one = await Train(1);
        Assert.Equal(1.3125, one.Losses.First(), 1e-6);
        Assert.True(one.Losses.Last() < 0.4, $"the last loss is {one.Losses.Last()}");
        Assert.Equal(one.Weights, (await Train(4)).Weights);
    }

    [Fact]
    public async Task Checkpointed_blocks_give_the_same_weights_and_bf16_nearly_the_same_losses()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 4, steps: 3);
        var plain = await rig.TrainAsync(1, 3);
        rig.Options = rig.Options with { GradientCheckpointing = true };
        Assert.Equal(plain.Weights, (await rig.TrainAsync(1, 3)).Weights);
        rig.Options = rig.Options with { GradientCheckpointing = false, Bf16 = true };
        var bf16 = await rig.TrainAsync(2, 3);
        Assert.NotEqual(plain.Weights, bf16.Weights);
        Assert.Equal(Math.Log(2), bf16.Losses.First(), 1e-6);
        Assert.All(plain.Losses.Zip(bf16.Losses), pair => Assert.Equal(pair.First, pair.Second, 0.05));
    }
}
