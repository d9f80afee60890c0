namespace Orchestrator.Training.Optimizers;

/// <summary>How the weights are updated from the gradient of a step. Names and defaults are PyTorch's, except RMSProp as the default rule.</summary>
public sealed record OptimizerOptions
{
    /// <summary>rmsprop (the DPO paper's), adamw or sgd.</summary>
    public string Name { get; init; } = "rmsprop";

    /// <summary>rmsprop and sgd add it times the weight to the gradient; adamw shrinks the weight by it times the learning rate. Usually 0 to 0.1.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Share of the running mean that stays, in [0, 1).</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Share of the running mean of squares that stays, in [0, 1).</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the mean of squares, above 0.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Share of the running mean of squares that stays, in [0, 1).</summary>
    public double RmspropAlpha { get; init; } = 0.99;

    /// <summary>Added to the root of the mean of squares, above 0.</summary>
    public double RmspropEpsilon { get; init; } = 1e-8;

    /// <summary>Of sgd and rmsprop, in [0, 1); 0 needs no memory.</summary>
    public double Momentum { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        Require(UpdateRules.Names.Contains(Name), $"optim is {Name}; known are {string.Join(", ", UpdateRules.Names)}.");
        Require(WeightDecay >= 0, $"weight_decay is {WeightDecay}; needed is 0 or more.");
        Require(AdamBeta1 is >= 0 and < 1, $"adam_beta1 is {AdamBeta1}; needed is 0 up to, and not including, 1.");
        Require(AdamBeta2 is >= 0 and < 1, $"adam_beta2 is {AdamBeta2}; needed is 0 up to, and not including, 1.");
        Require(AdamEpsilon > 0, $"adam_epsilon is {AdamEpsilon}; needed is a number above 0.");
        Require(RmspropAlpha is >= 0 and < 1, $"rmsprop_alpha is {RmspropAlpha}; needed is 0 up to, and not including, 1.");
        Require(RmspropEpsilon > 0, $"rmsprop_epsilon is {RmspropEpsilon}; needed is a number above 0.");
        Require(Momentum is >= 0 and < 1, $"momentum is {Momentum}; needed is 0 up to, and not including, 1.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
