using System.Globalization;
using System.Text;
using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;

namespace Orchestrator.Host.Screen;

/// <summary>A step, an evaluation and a duration in words.</summary>
public static class StepText
{
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    /// <summary>"step 12/50  loss 0.6712  accuracy 0.63  margin 0.0451  41.2 pairs/s  0:32 left".</summary>
    public static string Of(StepCommitted step, double pairsPerSecond, TimeSpan? left)
    {
        var text = new StringBuilder($"step {step.Step}/{step.Steps}");
        Add(text, "loss", step.Metrics.ValueOf(MetricNames.Loss), "0.0000");
        Add(text, "accuracy", step.Metrics.ValueOf(MetricNames.Accuracy), "0.00");
        Add(text, "margin", step.Metrics.ValueOf(MetricNames.Margin), "0.0000");
        text.Append(Plain, $"  {pairsPerSecond:0.0} pairs/s");
        text.Append(left is { } time ? $"  {Of(time)} left" : "");
        return text.Append(step.Skipped ? "  SKIPPED: its gradient was not finite" : "").ToString();
    }

    public static string Of(Evaluated evaluated)
    {
        var text = new StringBuilder($"evaluated {evaluated.Set} after step {evaluated.Step}:");
        Add(text, "loss", evaluated.Metrics.ValueOf(MetricNames.Loss), "0.0000");
        Add(text, "accuracy", evaluated.Metrics.ValueOf(MetricNames.Accuracy), "0.00");
        Add(text, "margin", evaluated.Metrics.ValueOf(MetricNames.Margin), "0.0000");
        return text.ToString();
    }

    /// <summary>"0:32", "1:02:03".</summary>
    public static string Of(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(Plain, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(Plain, $"{(int)time.TotalMinutes}:{time.Seconds:00}");

    private static void Add(StringBuilder text, string name, double? value, string format)
    {
        if (value is { } number)
        {
            text.Append("  ").Append(name).Append(' ').Append(number.ToString(format, Plain));
        }
    }
}
