using System.Collections.Immutable;

namespace Orchestrator.Training.Optimizers;

/// <summary>What the run file says of the learning rate.</summary>
public sealed record ScheduleOptions
{
    /// <summary>Peak rate, above 0; usually 5e-7 to 1e-5 for DPO.</summary>
    public double LearningRate { get; init; } = 1e-6;

    /// <summary>After the warm-up: constant, linear (down to 0 at the end of the run) or cosine (half a period, down to 0).</summary>
    public string Kind { get; init; } = "constant";

    /// <summary>Steps before the full rate is reached; the paper's 150.</summary>
    public int WarmupSteps { get; init; } = 150;

    /// <summary>Where given, the warm-up's share of the run, in [0, 1), instead of <see cref="WarmupSteps"/>; rounded up to whole steps.</summary>
    public double? WarmupRatio { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        Require(LearningRate > 0 && double.IsFinite(LearningRate), $"learning_rate is {LearningRate}; needed is a number above 0, for example 1e-6.");
        Require(Schedule.Kinds.Contains(Kind), $"lr_scheduler_type is {Kind}; known are {string.Join(", ", Schedule.Kinds)}.");
        Require(WarmupSteps >= 0, $"warmup_steps is {WarmupSteps}; needed is 0 or more.");
        Require(WarmupRatio is null or (>= 0 and < 1), $"warmup_ratio is {WarmupRatio}; needed is 0 up to, and not including, 1.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}

/// <summary>
/// The learning rate as a pure function of the step: a resume needs no more than the step. Warm-up as in the paper's code: step s of a warm-up of
/// w steps runs at (s+1) / (w+1) of the peak, so that the first step is not lost and step w is the first at the full rate.
/// </summary>
public sealed class Schedule
{
    private static readonly ImmutableSortedDictionary<string, Func<double, double>> Decays =
        ImmutableSortedDictionary.CreateRange<string, Func<double, double>>(StringComparer.Ordinal,
        [
            new("constant", _ => 1),
            new("cosine", done => 0.5 * (1 + Math.Cos(Math.PI * done))),
            new("linear", done => 1 - done),
        ]);

    private readonly double _peak;
    private readonly Func<double, double> _decay;

    /// <param name="totalSteps">Steps of the run, for the decay's end and a warm-up given as a share.</param>
    public Schedule(ScheduleOptions options, long totalSteps)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        (_peak, TotalSteps) = (options.LearningRate, totalSteps);
        WarmupSteps = options.WarmupRatio is { } share ? (long)Math.Ceiling(share * totalSteps) : options.WarmupSteps;
        _decay = Decays[options.Kind];
    }

    public static ImmutableArray<string> Kinds => [.. Decays.Keys];

    public long TotalSteps { get; }

    public long WarmupSteps { get; }

    /// <summary>Rate of <paramref name="step"/>, from 0.</summary>
    public double RateAt(long step)
    {
        if (step < WarmupSteps)
        {
            return _peak * (step + 1) / (WarmupSteps + 1);
        }

        var after = Math.Max(1, TotalSteps - WarmupSteps);
        return _peak * _decay(Math.Clamp((double)(step - WarmupSteps) / after, 0, 1));
    }
}
