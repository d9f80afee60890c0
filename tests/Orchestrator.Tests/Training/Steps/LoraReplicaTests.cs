using Orchestrator.Core;
using Orchestrator.Tests.Training.Models.Adapters;
using Orchestrator.Training;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>What is promised of a run holds where adapters are trained, and the model's own weights take no part in it.</summary>
public sealed class LoraReplicaTests
{
    [Theory]
    [InlineData("llama", false)]
    [InlineData("gpt2", true)]
    public async Task Adapters_are_the_same_to_the_last_bit_for_any_number_of_workers(string kind, bool remembered)
    {
        using var rig = Rig(kind);
        rig.Options = rig.Options with { Reference = remembered ? ReferenceMode.Precompute : ReferenceMode.Live };
        var one = await rig.TrainAsync(1, 4);
        Assert.Equal(Math.Log(2), one.Losses.First(), 1e-6);
        Assert.Equal(4, one.Losses.Distinct().Count());
        foreach (var workers in new[] { 2, 3 })
        {
            var many = await rig.TrainAsync(workers, 4);
            Assert.Equal((one.Weights, one.Digest), (many.Weights, many.Digest));
            Assert.Equal(one.Losses, many.Losses);
        }
    }

    [Fact]
    public async Task The_loss_falls_while_a_fresh_adapter_is_trained()
    {
        using var rig = Rig("llama");
        rig.Options = rig.Options with { Schedule = new() { LearningRate = 1e-3, WarmupSteps = 0 }, Optimizer = new() { Name = "adamw" } };
        rig.Job = rig.Job with { Plan = new PlanOptions(3, 20, 20, 4, MaxSteps: 12) };
        var losses = (await rig.TrainAsync(2, 12)).Losses.ToArray();
        Assert.InRange(losses[^1], 0, 0.6);
    }

    // Rank 3 on q_proj [24, 24] and down_proj [24, 32] of two layers: 2 · (3·24 + 24·3 + 3·32 + 24·3) = 624 floats, each matrix filled up to 16.
    [Fact]
    public async Task State_and_checkpoint_hold_the_adapters_alone()
    {
        using var rig = Rig("llama", ["q_proj", "down_proj"]);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(2));
        long floats = 0;
        string? hash = null;
        await rig.TrainAsync(1, 2, async replica =>
        {
            floats = replica.State[0].Buffer.Length;
            hash = await replica.SaveAsync(directory, 1, CancellationToken.None);
        });
        Assert.Equal(2 * (80 + 80 + 96 + 80), floats);
        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors", "manifest.json", "optimizer.safetensors", "trainer_state.json"],
            Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        Assert.Equal(hash, CheckpointFolder.FindNewest(Path.Combine(rig.Root, "checkpoints")).Newest!.WeightsSha256);
        using var optimizer = Safetensors.Open(Path.Combine(directory, Checkpoint.OptimizerFile));
        Assert.Equal(8, optimizer.Entries.Count);
        Assert.Contains("square_avg.base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight", optimizer.Entries.Keys);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_interrupted_run_ends_with_the_bits_of_an_undisturbed_one(bool goesOn)
    {
        using var rig = Rig("gpt2");
        if (goesOn)
        {
            GoOnWithAnAdapter(rig);
        }

        var undisturbed = await rig.TrainAsync(1, 4);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(2));
        await rig.TrainAsync(2, 2, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 2, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var resumed = await rig.TrainAsync(3, 4);
        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (resumed.Weights, resumed.Digest));
        Assert.Equal(undisturbed.Losses.Skip(2), resumed.Losses);
    }

    // The loss starts at ln 2, so the reference has the adapter; it then moves away from ln 2, so the reference does not train with the policy.
    [Fact]
    public async Task An_adapter_that_goes_on_is_held_against_a_frozen_copy_of_itself()
    {
        using var rig = Rig("llama");
        GoOnWithAnAdapter(rig);
        rig.Options = rig.Options with { Reference = ReferenceMode.Live };
        var trained = await rig.TrainAsync(2, 4);
        Assert.Equal(Math.Log(2), trained.Losses.First(), 1e-6);
        Assert.Equal(0, trained.Metrics[0].Single(metric => metric.Name == "rewards/margins").Sum);
        Assert.All(trained.Losses.Skip(1), loss => Assert.NotEqual(Math.Log(2), loss, 1e-6));
    }

    [Fact]
    public async Task A_saved_adapter_beside_its_model_scores_as_the_replica_did()
    {
        using var rig = Rig("llama");
        rig.Options = rig.Options with { Schedule = new() { LearningRate = 1e-2, WarmupSteps = 0 } };
        rig.AddRows("eval", ReplicaRig.RandomRows(6, 8));
        rig.Job = rig.Job with { EvaluationSets = [new EvaluationSet("eval", 6, 3)] };
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(4));
        double loss = 0;
        await rig.TrainAsync(1, 4, async replica =>
        {
            await replica.SaveAsync(directory, 1, CancellationToken.None);
            loss = LeafSums.Total(await replica.EvaluateAsync("eval", [new LeafRange(0, 2)], CancellationToken.None)).Single(metric => metric.Name == "loss").Value;
        });
        var model = Path.Combine(rig.Root, "model");
        using var pairs = Orchestrator.Training.Data.EncodedPairs.Open(Path.Combine(rig.Root, "eval.pairs"));
        await using var scorer = await Orchestrator.Training.Evaluation.PairScorer.OpenAsync(new() { Model = model, Adapter = directory, Reference = model, Threads = 1 });
        var totals = Orchestrator.Training.Evaluation.ScoreTotals.Nothing;
        await foreach (var score in scorer.ScoreAsync(pairs))
        {
            totals = totals.Add(score);
        }

        Assert.Equal(loss, totals.MeanLoss, 1e-5);
        Assert.NotEqual(Math.Log(2), loss, 1e-3);
    }

    private static ReplicaRig Rig(string kind, string[]? targets = null)
    {
        var rig = ReplicaRig.Tiny(kind, pairs: 20, pairsPerStep: 8, pairsPerLeaf: 2, steps: 4);
        rig.Options = rig.Options with { Lora = new() { New = new LoraSpec(3, 6), TargetModules = [.. targets ?? ["all-linear"]], Seed = 7 } };
        return rig;
    }

    private static void GoOnWithAnAdapter(ReplicaRig rig)
    {
        var folder = Path.Combine(rig.Root, "adapter");
        using var model = ModelDirectory.Load(Path.Combine(rig.Root, "model"), CPU);
        using var adapter = TinyAdapter.Create(model.Spec);
        AdapterDirectory.Save(adapter, model.Spec, null, folder);
        rig.AddFolder("adapter", folder);
        rig.Options = rig.Options with { Lora = new() };
    }
}
