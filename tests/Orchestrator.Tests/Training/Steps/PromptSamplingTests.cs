using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;

namespace Orchestrator.Tests.Training.Steps;

public sealed class PromptSamplingTests
{
    [Fact]
    public async Task Before_a_step_policy_and_reference_write_the_same_and_after_one_the_reference_still_does()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 3, evaluationPairs: 4);
        rig.Options = rig.Options with { Schedule = new() { LearningRate = 0.05, WarmupSteps = 0 } };
        rig.Job = rig.Job with { Sampling = new SamplingPlan(6, 0, 1, EosId: null) };
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var before = await SampleAsync(replica, 0, 1, 2, 3);
        Assert.All(before, sample => Assert.Equal(sample.Policy.ToArray(), sample.Reference!.Value.ToArray()));
        Assert.Equal(Greedy(rig, 2), before[2].Policy.ToArray());
        for (var step = 0; step < 3; step++)
        {
            await rig.StepAsync([replica], [.. harness.Groups], new StepId(1, 1, step, 0));
        }

        var weights = ReplicaRig.HashOf(replica);
        var after = await SampleAsync(replica, 0, 1, 2, 3);
        Assert.Equal(before.Select(sample => string.Join(' ', sample.Reference!.Value)), after.Select(sample => string.Join(' ', sample.Reference!.Value)));
        Assert.Contains(after, sample => !sample.Policy.SequenceEqual(sample.Reference!.Value));
        Assert.Equal(after[3].Policy.ToArray(), (await SampleAsync(replica, 3))[0].Policy.ToArray());   // whoever answers which rows
        Assert.Equal(weights, ReplicaRig.HashOf(replica));
    }

    [Fact]
    public async Task Draws_depend_on_seed_and_row_alone_and_an_answer_ends_with_the_end_token_or_the_last_position()
    {
        using var rig = ReplicaRig.Tiny("gpt2", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 2, evaluationPairs: 4);
        await using var harness = await RankHarness.StartAsync(1);
        async Task<IReadOnlyList<PromptSample>> With(SamplingPlan plan)
        {
            rig.Job = rig.Job with { Sampling = plan };
            await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
            return await SampleAsync(replica, 0, 1);
        }

        static string Text(IEnumerable<PromptSample> samples) => string.Join('|', samples.Select(sample => string.Join(' ', sample.Policy)));
        var plan = new SamplingPlan(100, 1, 7, EosId: null);
        var drawn = await With(plan);
        Assert.Equal(Text(drawn), Text(await With(plan)));
        Assert.NotEqual(Text(drawn), Text(await With(plan with { Seed = 8 })));
        using var pairs = EncodedPairs.Open(Path.Combine(rig.Root, "eval.pairs"));
        Assert.Equal(48 - pairs[0].Prompt.Length + 1, drawn[0].Policy.Length);   // this model has 48 positions
        var end = drawn[0].Policy[3];
        var ended = (await With(plan with { EosId = end }))[0].Policy;
        Assert.Equal(drawn[0].Policy[..(drawn[0].Policy.IndexOf(end) + 1)].ToArray(), ended.ToArray());
    }

    private static Task<IReadOnlyList<PromptSample>> SampleAsync(IReplica replica, params int[] rows) => replica.SampleAsync("eval", [.. rows], CancellationToken.None);

    private static int[] Greedy(ReplicaRig rig, int row)
    {
        using var model = ModelDirectory.Load(Path.Combine(rig.Root, "model"), TorchSharp.torch.CPU);
        using var pairs = EncodedPairs.Open(Path.Combine(rig.Root, "eval.pairs"));
        return Generation.Generate(model, [pairs[row].Prompt.ToArray()], new GenerationOptions { MaxNewTokens = 6, Temperature = 0 })[0];
    }
}
