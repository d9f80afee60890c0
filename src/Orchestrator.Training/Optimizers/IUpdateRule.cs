using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>
/// One optimizer's formula, element by element: so it may be applied to any piece of the weights, on any device, in any order, with any number
/// of threads, and gives the same bits.
/// </summary>
public interface IUpdateRule
{
    string Name { get; }

    /// <summary>What is remembered for each weight, as PyTorch names it; all of it starts at 0.</summary>
    ImmutableArray<string> States { get; }

    /// <summary>Updates a piece of the weights and its states in place.</summary>
    /// <param name="step">Updates before this one, from 0.</param>
    /// <param name="rate">Learning rate of this step.</param>
    /// <param name="weights">[n], fp32; carries no gradient.</param>
    /// <param name="gradient">[n], fp32, clipped and divided; overwritten.</param>
    /// <param name="states">[n] each, in the order of <see cref="States"/>.</param>
    void Update(long step, double rate, Tensor weights, Tensor gradient, IReadOnlyList<Tensor> states);
}

/// <summary>The rules by name: a new one is one file and one row here.</summary>
public static class UpdateRules
{
    private static readonly ImmutableSortedDictionary<string, Func<OptimizerOptions, IUpdateRule>> Table =
        ImmutableSortedDictionary.CreateRange<string, Func<OptimizerOptions, IUpdateRule>>(StringComparer.Ordinal,
        [
            new("adamw", options => new AdamW(options)),
            new("rmsprop", options => new RmsProp(options)),
            new("sgd", options => new Sgd(options)),
        ]);

    public static ImmutableArray<string> Names => [.. Table.Keys];

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public static IUpdateRule Create(OptimizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        return Table[options.Name](options);
    }
}
