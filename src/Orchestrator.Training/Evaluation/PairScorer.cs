using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Evaluation;

/// <summary>What to score with.</summary>
public sealed record ScoreOptions
{
    /// <summary>Directory of the policy.</summary>
    public required string Model { get; init; }

    /// <summary>Directory of an adapter that makes the model the policy; null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>Directory of the reference; null where the objective needs none. The model's own: the model without the adapter, loaded once.</summary>
    public string? Reference { get; init; }

    public ObjectiveOptions Objective { get; init; } = new();

    /// <summary>As libtorch names it: cpu, cuda:0.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of one CPU operation; null leaves libtorch's own choice.</summary>
    public int? Threads { get; init; }

    /// <summary>
    /// Rows of one forward pass. A loss that counts the tokens of a step alike (sft, cpo, unlikelihood) takes them for a step, as an evaluation takes
    /// data.pairs_per_leaf rows; all else depends on it by rounding only.
    /// </summary>
    public int RowsPerPass { get; init; } = 8;

    /// <summary>Rows of hidden states whose logits are in memory at once.</summary>
    public int LogprobChunk { get; init; } = 256;
}

/// <summary>One completion under both models.</summary>
/// <param name="Policy">log p of each completion token, in nats.</param>
/// <param name="Reference">The same under the reference; null without one.</param>
public sealed record CompletionScore(ImmutableArray<float> Policy, ImmutableArray<float>? Reference)
{
    public double PolicySum => Policy.Sum(value => (double)value);

    public double? ReferenceSum => Reference?.Sum(value => (double)value);
}

/// <summary>One row, scored.</summary>
/// <param name="Row">Its index.</param>
/// <param name="Rejected">Null where rows have one completion.</param>
/// <param name="ChosenReward">β times the log-ratio; null where the objective has no rewards.</param>
/// <param name="Loss">The row's share of the loss, in nats; of a single completion the sum over its tokens.</param>
public sealed record PairScore(int Row, CompletionScore Chosen, CompletionScore? Rejected, double? ChosenReward, double? RejectedReward, double Loss)
{
    /// <summary>Chosen reward minus rejected reward.</summary>
    public double? Margin => ChosenReward - RejectedReward;
}

/// <summary>Sums over scored rows.</summary>
/// <param name="Preferred">Rows whose chosen answer has the strictly higher reward.</param>
/// <param name="WithRewards">Rows that have rewards.</param>
public sealed record ScoreTotals(long Rows, double Loss, long WithRewards, long Preferred, double Margin, long ChosenTokens, long RejectedTokens)
{
    public static ScoreTotals Nothing { get; } = new(0, 0, 0, 0, 0, 0, 0);

    /// <summary>As evaluations have it: over pairs, and of single completions over tokens.</summary>
    public double MeanLoss => Loss / (RejectedTokens > 0 ? Rows : ChosenTokens);

    public double Accuracy => (double)Preferred / WithRewards;

    public double MeanMargin => Margin / WithRewards;

    public ScoreTotals Add(PairScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new ScoreTotals(
            Rows + 1,
            Loss + score.Loss,
            WithRewards + (score.Margin is null ? 0 : 1),
            Preferred + (score.Margin > 0 ? 1 : 0),
            Margin + (score.Margin ?? 0),
            ChosenTokens + score.Chosen.Policy.Length,
            RejectedTokens + (score.Rejected?.Policy.Length ?? 0));
    }
}

/// <summary>Scores rows token by token under a policy and a reference, without training anything.</summary>
public sealed class PairScorer : IAsyncDisposable
{
    private readonly DeviceThread _device;
    private readonly CausalLM _policy;
    private readonly ReferenceModel? _reference;
    private readonly IObjective _objective;
    private readonly ScoreOptions _options;

    private PairScorer(DeviceThread device, CausalLM policy, ReferenceModel? reference, IObjective objective, ScoreOptions options) =>
        (_device, _policy, _reference, _objective, _options) = (device, policy, reference, objective, options);

    /// <summary>Loads the models.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or the objective needs a reference and none is named.</exception>
    public static async Task<PairScorer> OpenAsync(ScoreOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.RowsPerPass, 1);
        var objective = Objective.Create(options.Objective);
        if (objective.Needs.WholeStep)
        {
            throw new ArgumentException($"The objective {objective.Name} judges a row by a whole step's rows, and scoring has no steps. Score pairs with the loss sigmoid: the rewards are the same.", nameof(options));
        }

        if (objective.Needs.Reference && options.Reference is null)
        {
            throw new ArgumentException($"The objective {objective.Name} compares with a reference model. Name one.", nameof(options));
        }

        var device = new DeviceThread(options.Device, options.Threads);
        try
        {
            return await device.Run(
                () =>
                {
                    var at = DeviceChoice.Parse(options.Device).First();
                    var policy = ModelDirectory.Load(options.Model, at, options.Adapter);
                    return new PairScorer(device, policy, objective.Needs.Reference ? Reference(options, policy, at) : null, objective, options);
                },
                cancellation);
        }
        catch
        {
            await device.DisposeAsync();
            throw;
        }
    }

    /// <summary>All rows in order.</summary>
    /// <exception cref="ArgumentException">The rows have another number of completions than the objective needs.</exception>
    public async IAsyncEnumerable<PairScore> ScoreAsync(EncodedPairs pairs, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.CompletionsPerRow != _objective.Needs.CompletionsPerRow)
        {
            throw new ArgumentException($"The rows have {pairs.CompletionsPerRow} completion(s), and the objective {_objective.Name} needs {_objective.Needs.CompletionsPerRow}.", nameof(pairs));
        }

        var set = new PairSet("score", pairs);
        foreach (var rows in Enumerable.Range(0, pairs.Count).Chunk(_options.RowsPerPass))
        {
            foreach (var score in await _device.Run(() => Score(set, rows), cancellation))
            {
                yield return score;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _device.Run(() =>
        {
            _reference?.Dispose();
            _policy.Dispose();
        });
        await _device.DisposeAsync();
    }

    private static ReferenceModel Reference(ScoreOptions options, CausalLM policy, Device at) =>
        options.Adapter is not null && Path.GetFullPath(options.Reference!) == Path.GetFullPath(options.Model)
            ? ReferenceModel.Within(policy)
            : ReferenceModel.Own(ModelDirectory.Load(options.Reference!, at));

    private List<PairScore> Score(PairSet set, int[] rows)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var batch = set.Pack(rows);
        var aligned = _objective.Needs.Aligned ? zeros(batch.Targets.Length, device: _policy.Device) : null;
        var policy = TrainStep.TokenLogps(_policy, batch, _options.LogprobChunk, aligned: aligned);
        var reference = _reference is null ? null : _reference.Run(model => TrainStep.TokenLogps(model, batch, _options.LogprobChunk));
        var all = TrainStep.Complete(_objective.Needs, policy, batch.Lengths, aligned) with
        {
            RewardMargin = _objective.Needs.RewardMargins ? tensor(set.RewardMargins(rows), device: _policy.Device) : null,
        };
        var allReference = reference is null ? null : TrainStep.Complete(_objective.Needs, reference, batch.Lengths);
        var completions = Cut(batch.Lengths, Tokens(policy), reference is null ? null : Tokens(reference));
        var perRow = _objective.Needs.CompletionsPerRow;
        var result = _objective.Compute(all, allReference, StepView.Alone(all, allReference));
        var (losses, chosen, rejected) = (Values(result.Loss), Values(result.ChosenRewards), Values(result.RejectedRewards));
        return [.. rows.Select((row, i) => new PairScore(
            row, completions[i * perRow], perRow == 2 ? completions[i * perRow + 1] : null, chosen?[i], rejected?[i], losses![i]))];
    }

    private static double[]? Values(Tensor? rows) => rows?.cpu().data<double>().ToArray();

    private static float[] Tokens(Tensor tokens) => tokens.cpu().data<float>().ToArray();

    private static List<CompletionScore> Cut(int[] lengths, float[] policy, float[]? reference)
    {
        var (start, completions) = (0, new List<CompletionScore>());
        foreach (var length in lengths)
        {
            completions.Add(new CompletionScore([.. policy.AsSpan(start, length)], reference is null ? null : [.. reference.AsSpan(start, length)]));
            start += length;
        }

        return completions;
    }
}
