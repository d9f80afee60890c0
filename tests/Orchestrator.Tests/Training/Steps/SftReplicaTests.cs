using Orchestrator.Core;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>Maximum likelihood and unlikelihood through the same replicas as preference losses.</summary>
public sealed class SftReplicaTests
{
    // 37 rows in steps of 16: the third step spans two epochs.
    [Theory]
    [InlineData("llama", "sft", false)]
    [InlineData("gpt2", "sft", true)]
    [InlineData("llama", "unlikelihood", false)]
    public async Task Weights_are_the_same_to_the_last_bit_for_any_number_of_workers(string kind, string loss, bool adapters)
    {
        using var rig = Rig(kind, loss, rows: 37, perStep: 16, perLeaf: 2, steps: 5, adapters);
        var one = await rig.TrainAsync(workers: 1, until: 5);
        Assert.Equal(5, one.Losses.Distinct().Count());
        Assert.Equal(Objective.Create(rig.Options.Objective).Needs.Metrics, one.Metrics[0].Select(metric => metric.Name));
        foreach (var workers in new[] { 2, 4 })
        {
            var many = await rig.TrainAsync(workers, until: 5);
            Assert.Equal((one.Weights, one.Digest), (many.Weights, many.Digest));
            Assert.Equal(one.Metrics.SelectMany(m => m), many.Metrics.SelectMany(m => m));
        }
    }

    // Rows of 1 to 12 completion tokens: a mean of row means, or of leaf means, would be another number.
    [Theory]
    [InlineData("sft", 1, 2)]
    [InlineData("sft", 3, 1)]
    [InlineData("unlikelihood", 3, 2)]
    public async Task Loss_and_gradient_are_those_of_the_mean_over_the_step_s_tokens(string loss, int perLeaf, int workers)
    {
        using var rig = Rig("llama", loss, rows: 7, perStep: 7, perLeaf, steps: 1);
        var trained = await rig.TrainAsync(workers, 1);
        var (expected, norm) = Plainly(rig, loss);
        Assert.Equal(expected, Assert.Single(trained.Losses), 1e-5);
        Assert.Equal(1, trained.Steps[0].GradientNorm / norm, 1e-5);
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("unlikelihood")]
    public async Task An_interrupted_run_ends_with_the_bits_of_an_undisturbed_one(string loss)
    {
        using var rig = Rig("gpt2", loss, rows: 20, perStep: 8, perLeaf: 2, steps: 4);
        var undisturbed = await rig.TrainAsync(1, 4);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(2));
        await rig.TrainAsync(2, 2, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 2, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var resumed = await rig.TrainAsync(3, 4);
        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (resumed.Weights, resumed.Digest));
        Assert.Equal(undisturbed.Losses.Skip(2), resumed.Losses);
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("unlikelihood")]
    public async Task The_loss_falls_and_unlikelihood_makes_rejected_tokens_unlikely(string loss)
    {
        using var rig = Rig("llama", loss, rows: 8, perStep: 8, perLeaf: 4, steps: 25);
        rig.Options = rig.Options with { Optimizer = new() { Name = "adamw" }, Schedule = new() { LearningRate = 1e-2, WarmupSteps = 0 } };
        var trained = await rig.TrainAsync(1, 25);
        Assert.InRange(trained.Losses.Last(), 0, trained.Losses.First() / 2);
        if (loss == "unlikelihood")
        {
            double Rejected(int step) => trained.Metrics[step].Single(metric => metric.Name == "logps/rejected").Value;
            Assert.True(Rejected(24) < Rejected(0), $"{Rejected(0)} -> {Rejected(24)}");
        }
    }

    private static ReplicaRig Rig(string kind, string loss, int rows, int perStep, int perLeaf, long steps, bool adapters = false)
    {
        var rig = ReplicaRig.Tiny(kind, rows, perStep, perLeaf, steps);
        if (loss == "sft")
        {
            rig.AddRows("train", ReplicaRig.RandomRows(rows, 5).Select(row => (row.Item1, row.Item2, Array.Empty<int>())));
        }

        rig.Options = rig.Options with
        {
            Objective = new() { LossType = [loss], UnlikelihoodAlpha = 0.5 },
            Lora = adapters ? new() { New = new LoraSpec(3, 6), TargetModules = ["all-linear"], Seed = 7 } : null,
        };
        return rig;
    }

    /// <summary>Each row by itself through the plain forward pass, whole log-softmaxes, all tokens in one mean, and autograd.</summary>
    private static (double Loss, double GradientNorm) Plainly(ReplicaRig rig, string loss)
    {
        using var scope = NewDisposeScope();
        using var model = ModelDirectory.Load(Path.Combine(rig.Root, "model"), CPU);
        Tensor Tokens(int[] prompt, int[] completion)
        {
            int[] all = [.. prompt, .. completion];
            var ids = tensor(all.Select(id => (long)id).ToArray()).unsqueeze(0);
            var logps = nn.functional.log_softmax(model.Logits(model.Hidden(ids)), -1).squeeze(0);
            return logps.narrow(0, prompt.Length - 1, completion.Length).gather(1, tensor(completion.Select(id => (long)id).ToArray()).unsqueeze(1)).squeeze(1);
        }

        var rows = ReplicaRig.RandomRows(7, 5).ToArray();
        var mean = -cat([.. rows.Select(row => Tokens(row.Item1, row.Item2))]).mean();
        if (loss == "unlikelihood")
        {
            mean -= 0.5 * (1 - cat([.. rows.Select(row => Tokens(row.Item1, row.Item3))]).exp()).log().mean();
        }

        BackwardPass.Run(mean);
        return (mean.item<float>(), Math.Sqrt(PackedForwardTests.Gradients(model).Values.Sum(gradient => gradient.to(ScalarType.Float64).square().sum().item<double>())));
    }
}
