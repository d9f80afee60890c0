using Orchestrator.Core;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>Single answers with labels, judged by the divergence over the whole step, whoever holds which part of it.</summary>
public sealed class KtoReplicaTests
{
    // 37 rows in steps of 16: the third step spans two epochs, and the last leaf of a step is another worker's neighbour.
    [Theory]
    [InlineData("llama", false)]
    [InlineData("gpt2", true)]
    public async Task Weights_and_divergence_are_the_same_to_the_last_bit_for_any_number_of_workers(string kind, bool adapters)
    {
        using var rig = Rig(kind, rows: 37, perStep: 16, perLeaf: 2, steps: 5, adapters);
        AddSurerReference(rig, kind);
        var one = await rig.TrainAsync(workers: 1, until: 5);
        Assert.Equal(5, one.Losses.Distinct().Count());
        Assert.True(Metric(one, 4, "kl") > 0, "a divergence that is always 0 would test nothing");
        foreach (var workers in new[] { 2, 4 })
        {
            var many = await rig.TrainAsync(workers, until: 5);
            Assert.Equal((one.Weights, one.Digest), (many.Weights, many.Digest));
            Assert.Equal(one.Metrics.SelectMany(m => m), many.Metrics.SelectMany(m => m));
        }
    }

    [Fact]
    public async Task Neither_loss_nor_gradient_depends_on_how_the_step_is_cut_into_leaves()
    {
        async Task<Trained> Train(int perLeaf, int workers)
        {
            using var rig = Rig("llama", rows: 8, perStep: 8, perLeaf, steps: 4);
            return await rig.TrainAsync(workers, 4);
        }

        var (whole, cut) = (await Train(8, 1), await Train(3, 2));
        Assert.All(whole.Losses.Zip(cut.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(whole.Steps.Zip(cut.Steps), pair => Assert.Equal(1, pair.First.GradientNorm / pair.Second.GradientNorm, 1e-4));
        Assert.Equal(Metric(whole, 3, "kl"), Metric(cut, 3, "kl"), 1e-4);
    }

    // Policy and reference agree: a = z = 0, every row costs half its weight. Weights 1.5 and 0.5, 3 of 8 rows are desirable (0, 3, 6).
    [Fact]
    public async Task The_first_loss_is_half_the_mean_weight_and_metrics_have_TRL_s_names()
    {
        using var rig = Rig("llama", rows: 8, perStep: 8, perLeaf: 3, steps: 2);
        rig.Options = rig.Options with { Objective = rig.Options.Objective with { DesirableWeight = 1.5, UndesirableWeight = 0.5 } };
        var trained = await rig.TrainAsync(2, 2);
        Assert.Equal((3 * 1.5 + 5 * 0.5) / 2 / 8, trained.Losses.First(), 1e-6);
        Assert.Equal(
            [("loss", 8.0), ("rewards/chosen", 3), ("rewards/rejected", 5), ("logps/chosen", 3), ("logps/rejected", 5), ("kl", 8), ("num_tokens", 0)],
            trained.Metrics[0].Select(metric => (metric.Name, metric.Weight)));
        Assert.Equal(Objective.Create(rig.Options.Objective).Needs.Metrics, trained.Metrics[0].Select(metric => metric.Name));
        Assert.Equal(0, Metric(trained, 0, "kl"));
    }

    // Against each mismatched row by itself through the plain forward pass: who stands before whom follows from the plan alone.
    [Fact]
    public async Task The_divergence_is_the_mean_log_ratio_of_the_answers_that_stand_before_each_row()
    {
        using var rig = Rig("llama", rows: 7, perStep: 7, perLeaf: 2, steps: 1);
        AddSurerReference(rig, "llama");
        var trained = await rig.TrainAsync(3, 1);
        var rows = ReplicaRig.RandomRows(7, 5).ToArray();
        using var pairs = EncodedPairs.Open(Path.Combine(rig.Root, "train.pairs"));
        var order = new StepRows(rig.Job.Plan.ToPlan(), new PairSet(PairSet.Train, pairs)).Of(0);
        using var policy = ModelDirectory.Load(Path.Combine(rig.Root, "model"), CPU);
        using var reference = ModelDirectory.Load(Path.Combine(rig.Root, "reference"), CPU);
        var ratios = order.Select((row, place) => (rows[row].Item1, rows[order[(place + 6) % 7]].Item2)).Select(row => Sum(policy, row) - Sum(reference, row)).ToArray();
        Assert.Equal(Math.Max(0, ratios.Average()), Metric(trained, 0, "kl"), 1e-4);
        Assert.True(ratios.Average() > 0, "a divergence of 0 would test nothing");
    }

    [Fact]
    public async Task An_interrupted_run_ends_with_the_bits_of_an_undisturbed_one()
    {
        using var rig = Rig("gpt2", rows: 20, perStep: 8, perLeaf: 2, steps: 4);
        var undisturbed = await rig.TrainAsync(1, 4);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(2));
        await rig.TrainAsync(2, 2, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 2, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var resumed = await rig.TrainAsync(3, 4);
        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (resumed.Weights, resumed.Digest));
    }

    [Fact]
    public async Task An_evaluation_gives_the_same_whatever_is_computed_at_once()
    {
        async Task<MetricSum[]> Evaluate(int perLeaf)
        {
            using var rig = Rig("llama", rows: 12, perStep: 12, perLeaf, steps: 1);
            AddSurerReference(rig, "llama");
            rig.AddRows("eval", ReplicaRig.RandomRows(10, 5).Select(Single), label: IsDesirable);
            rig.Job = rig.Job with { EvaluationSets = [new EvaluationSet("eval", 10, 7)] };
            IReadOnlyList<LeafSums> evaluated = [];
            await rig.TrainAsync(1, 0, async replica => evaluated = await replica.EvaluateAsync("eval", [new LeafRange(0, 2)], CancellationToken.None));
            return [.. LeafSums.Total(evaluated)];
        }

        var (whole, cut) = (await Evaluate(12), await Evaluate(2));
        Assert.True(whole.Single(metric => metric.Name == "kl").Value > 0, "a divergence of 0 would test nothing");
        Assert.Equal(whole.Select(metric => (metric.Name, metric.Weight)), cut.Select(metric => (metric.Name, metric.Weight)));
        Assert.All(whole.Zip(cut), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 1e-4));
    }

    [Fact]
    public async Task Desirable_answers_become_likelier_and_the_others_less_so_also_among_held_out_rows_of_one_a_leaf()
    {
        using var rig = Rig("llama", rows: 12, perStep: 12, perLeaf: 4, steps: 20);
        rig.AddRows("eval", ReplicaRig.RandomRows(12, 5).Select(Single), label: IsDesirable);
        rig.Job = rig.Job with { EvaluationSets = [new EvaluationSet("eval", 12, 1)] };
        rig.Options = rig.Options with { Optimizer = new() { Name = "adamw" }, Schedule = new() { LearningRate = 3e-3, WarmupSteps = 0 } };
        IReadOnlyList<LeafSums> evaluated = [];
        var trained = await rig.TrainAsync(1, 20, async replica => evaluated = await replica.EvaluateAsync("eval", [new LeafRange(0, 12)], CancellationToken.None));
        Assert.True(trained.Losses.Last() < trained.Losses.First());
        var total = LeafSums.Total(evaluated).ToDictionary(metric => metric.Name, metric => metric.Value);
        Assert.True(total["rewards/chosen"] > 0 && total["rewards/rejected"] < 0, string.Join(", ", total));
    }

    [Fact]
    public void An_answer_comes_from_the_nearest_row_before_that_has_another_prompt_and_is_cut_to_fit()
    {
        using var rig = new ReplicaRig();
        rig.AddRows("train", [([1, 2], [3], []), ([1, 2], [4], []), ([5], [6, 7, 8], []), ([1, 2], [9], [])], label: _ => true);
        using var pairs = EncodedPairs.Open(Path.Combine(rig.Root, "train.pairs"));
        var set = new PairSet("train", pairs);
        var whole = new Mismatch(set, [3, 0, 1, 2], Longest: 4);
        Assert.Equal([2, 2, 2, 1], Enumerable.Range(0, 4).Select(place => whole.PartnerOf(place)));
        var batch = whole.Pack(2, 2, out var alone);
        Assert.Equal([false, false], alone);
        Assert.Equal([6L, 7, 4], batch.Targets);
        new Mismatch(set, [0, 1, 3], Longest: 4).Pack(0, 3, out var same);
        Assert.Equal([true, true, true], same);
    }

    [Fact]
    public async Task Rows_without_labels_are_refused()
    {
        using var rig = Rig("llama", rows: 4, perStep: 4, perLeaf: 2, steps: 1);
        rig.AddRows("train", ReplicaRig.RandomRows(4, 5).Select(Single));
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => rig.TrainAsync(1, 1));
        Assert.Contains("4 rows of 1 completion(s); the run needs 4 rows of 1 completion(s) with labels for kto", error.Message, StringComparison.Ordinal);
    }

    private static bool IsDesirable(int row) => row % 3 == 0;

    private static (int[], int[], int[]) Single((int[] Prompt, int[] Chosen, int[] Rejected) row) => (row.Prompt, row.Chosen, []);

    private static double Metric(Trained trained, int step, string name) => trained.Metrics[step].Single(metric => metric.Name == name).Value;

    private static ReplicaRig Rig(string kind, int rows, int perStep, int perLeaf, long steps, bool adapters = false)
    {
        var rig = ReplicaRig.Tiny(kind, rows, perStep, perLeaf, steps);
        rig.AddRows("train", ReplicaRig.RandomRows(rows, 5).Select(Single), label: IsDesirable);
        rig.Options = rig.Options with
        {
            Objective = new() { LossType = ["kto"], DesirableWeight = 1.3 },
            Schedule = new() { LearningRate = 1e-3, WarmupSteps = 0 },
            Lora = adapters ? new() { New = new LoraSpec(3, 6), TargetModules = ["all-linear"], Seed = 7 } : null,
        };
        return rig;
    }

    /// <summary>A reference that finds random tokens less likely than the policy does, so that the estimate is above 0.</summary>
    private static void AddSurerReference(ReplicaRig rig, string kind)
    {
        var folder = Path.Combine(rig.Root, "reference");
        using (var model = TinyModel.Create(kind))
        {
            using var guard = no_grad();
            foreach (var (_, weight) in model.Weights)
            {
                weight.mul_(1.5);
            }

            ModelDirectory.Save(model, null, folder);
        }

        rig.AddFolder("reference", folder);
    }

    private static double Sum(CausalLM model, (int[] Prompt, int[] Completion) row)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int[] all = [.. row.Prompt, .. row.Completion];
        var ids = tensor(all.Select(id => (long)id).ToArray()).unsqueeze(0);
        var logps = nn.functional.log_softmax(model.Logits(model.Hidden(ids)), -1).squeeze(0);
        return logps.narrow(0, row.Prompt.Length - 1, row.Completion.Length).gather(1, tensor(row.Completion.Select(id => (long)id).ToArray()).unsqueeze(1)).sum().item<float>();
    }
}
