using Orchestrator.Core;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

/// <summary>
/// Four pairs under one parameter θ = 0 with log π(chosen) - log π(rejected) = c θ for c = -2, 1, 1, 1, and policy = reference at the start. With
/// β = 0.1 the gradient of the mean loss is -β/2 · mean(c) = -0.05 · 0.25 = -0.0125. The mean of the means of leaves of 1 and 3 pairs would
/// be -0.05 · (-2 + 1) / 2 = +0.025: the wrong sign.
/// </summary>
public sealed class UnequalLeavesTests
{
    private static readonly double[] Slopes = [-2, 1, 1, 1];

    [Theory]
    [InlineData(4)]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    [InlineData(2, 2)]
    [InlineData(1, 1, 2)]
    [InlineData(1, 1, 1, 1)]
    public void The_gradient_is_the_sum_over_pairs_divided_once(params int[] leaves)
    {
        var first = 0;
        var gradients = new double[leaves.Length];
        var loss = 0.0;
        for (var leaf = 0; leaf < leaves.Length; leaf++)
        {
            var (sum, gradient) = Leaf(Slopes[first..(first += leaves[leaf])]);
            (loss, gradients[leaf]) = (loss + sum, gradient);
        }

        foreach (var (into, from) in new CanonicalTree(leaves.Length).Additions([.. leaves.Select((_, leaf) => new TreeNode(0, leaf))]))
        {
            gradients[into] += gradients[from];
        }

        Assert.Equal(Math.Log(2), loss / Slopes.Length, 1e-12);
        Assert.Equal(-0.0125, gradients[0] / Slopes.Length, 1e-12);
    }

    private static (double Loss, double Gradient) Leaf(double[] slopes)
    {
        using var scope = NewDisposeScope();
        var theta = zeros(1, ScalarType.Float64, requires_grad: true);
        var chosen = theta * tensor(slopes);
        var nothing = zeros(slopes.Length, ScalarType.Float64);
        var counts = ones(slopes.Length, ScalarType.Float64);
        var policy = new PairLogProbs(new CompletionLogProbs(chosen, counts), new CompletionLogProbs(nothing, counts));
        var result = Objective.Create(new ObjectiveOptions { Beta = 0.1 }).Compute(policy, policy.Detach(), StepView.Alone(policy, policy.Detach()));
        var loss = result.Loss.sum();
        loss.backward();
        return (loss.item<double>(), theta.grad!.item<double>());
    }
}
