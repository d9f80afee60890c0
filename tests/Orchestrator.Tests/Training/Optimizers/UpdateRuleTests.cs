using System.Collections.Immutable;
using Orchestrator.Training.Native;
using Orchestrator.Training.Optimizers;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Optimizers;

public sealed class UpdateRuleTests
{
    private static readonly float[] Start = [0.5f, -1, 2, -0.25f, 0];

    // What torch.optim of PyTorch 1.13.1 gives after 50 steps with the gradients of GradientOf.
    public static TheoryData<OptimizerOptions, double, float[]> Recorded => new()
    {
        { new() { Name = "rmsprop" }, 0.01, [0.563534975f, -1.11103833f, 2.0226438f, -0.316883385f, -0.22172235f] },
        {
            new() { Name = "rmsprop", Momentum = 0.9, WeightDecay = 0.1, RmspropAlpha = 0.9, RmspropEpsilon = 1e-6 }, 0.01,
            [-0.031105686f, -0.360165983f, 1.64701986f, -0.466150403f, -0.780528367f]
        },
        { new() { Name = "adamw", WeightDecay = 0.1 }, 0.01, [0.517540455f, -0.967387021f, 1.91902316f, -0.246578261f, -0.0405833907f] },
        {
            new() { Name = "adamw", AdamBeta1 = 0.8, AdamBeta2 = 0.95, AdamEpsilon = 1e-5 }, 0.01,
            [0.532562077f, -1.01277959f, 2.01413369f, -0.259501874f, -0.0348832421f]
        },
        { new() { Name = "sgd" }, 0.01, [0.5f, -0.997999907f, 2.03999996f, -0.75f, -3] },
        { new() { Name = "sgd", Momentum = 0.9, WeightDecay = 0.1 }, 0.001, [0.48024255f, -0.95994097f, 1.92739105f, -0.292877883f, -3.78338075f] },
    };

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Fifty_steps_end_where_PyTorch_ends(OptimizerOptions options, double rate, float[] expected)
    {
        TorchRuntime.Load();
        using var scope = NewDisposeScope();
        var found = Run(options, rate, Start.Length).Take(expected.Length).ToArray();
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    // Longer than several chunks, and of no round length.
    [Theory]
    [InlineData("rmsprop")]
    [InlineData("adamw")]
    public void The_result_depends_neither_on_chunks_nor_on_the_number_of_threads(string name)
    {
        TorchRuntime.Load();
        using var scope = NewDisposeScope();
        var threads = get_num_threads();
        var options = new OptimizerOptions { Name = name, WeightDecay = 0.1 };
        set_num_threads(1);
        var one = Run(options, 0.01, 200_003);
        set_num_threads(2);
        var two = Run(options, 0.01, 200_003);
        set_num_threads(threads);
        Assert.Equal(one, two);
        Assert.Equal(one.AsSpan(0, 1000).ToArray(), one.AsSpan(200_000 - 200_000 % 5 - 1000 * 5, 1000).ToArray());
    }

    // After one step from zero states RMSProp moves each weight by 10 lr against its gradient's sign, however small that is.
    [Fact]
    public void The_first_step_of_rmsprop_moves_every_weight_by_ten_rates()
    {
        using var scope = NewDisposeScope();
        var weights = zeros(3);
        var optimizer = new FlatOptimizer(UpdateRules.Create(new OptimizerOptions()), weights, [zeros(3)]);
        optimizer.Step(0, 1e-3, tensor(new[] { 5f, -0.01f, 3000f }), factor: 1);
        Assert.All(weights.data<float>().ToArray().Zip([-0.01f, 0.01f, -0.01f]), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
    }

    [Fact]
    public void The_gradient_is_multiplied_by_the_factor_first()
    {
        using var scope = NewDisposeScope();
        var weights = ones(2);
        new FlatOptimizer(UpdateRules.Create(new OptimizerOptions { Name = "sgd" }), weights, []).Step(0, 0.5, tensor(new[] { 8f, -4f }), factor: 0.25);
        Assert.Equal([0f, 1.5f], weights.data<float>().ToArray());
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        Assert.Contains("adam, ", Assert.Throws<ArgumentException>(() => UpdateRules.Create(new OptimizerOptions { Name = "adam, " })).Message, StringComparison.Ordinal);
        Assert.Contains("momentum", Assert.Throws<ArgumentException>(() => UpdateRules.Create(new OptimizerOptions { Momentum = 1 })).Message, StringComparison.Ordinal);
    }

    private static float[] Run(OptimizerOptions options, double rate, int length)
    {
        var rule = UpdateRules.Create(options);
        var weights = tensor(Enumerable.Range(0, length).Select(i => Start[i % 5]).ToArray());
        var optimizer = new FlatOptimizer(rule, weights, [.. rule.States.Select(_ => zeros(length))]);
        for (var step = 0; step < 50; step++)
        {
            optimizer.Step(step, rate, tensor(Enumerable.Range(0, length).Select(i => GradientOf(step, i % 5)).ToArray()), factor: 1);
        }

        return weights.data<float>().ToArray();
    }

    private static float GradientOf(int step, int i) => (float)(((i * 7 + step * 13) % 11 - 5) * Math.Pow(10, i - 2));
}
