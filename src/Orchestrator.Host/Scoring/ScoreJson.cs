using System.Text;
using System.Text.Json;
using Orchestrator.Training.Evaluation;

namespace Orchestrator.Host.Scoring;

/// <summary>Scores as JSON: one object a row, then one with the totals. Rewards and reference are null where there are none.</summary>
public static class ScoreJson
{
    public static string Row(PairScore score, string file, long line) => Write(json =>
    {
        json.WriteNumber("row", score.Row);
        json.WriteString("file", file);
        json.WriteNumber("line", line);
        Model(json, "policy", score, completion => (completion.PolicySum, completion.Policy));
        Model(json, "reference", score, completion => completion.Reference is { } tokens ? (completion.ReferenceSum!.Value, tokens) : null);
        json.WriteNumber("chosen_tokens", score.Chosen.Policy.Length);
        json.WriteNumber("rejected_tokens", score.Rejected?.Policy.Length ?? 0);
        json.WriteStartObject("rewards");
        Number(json, "chosen", score.ChosenReward);
        Number(json, "rejected", score.RejectedReward);
        Number(json, "margin", score.Margin);
        json.WriteEndObject();
        Number(json, "loss", score.Loss);
    });

    public static string Totals(Benchmark benchmark, long skipped) => Write(json =>
    {
        json.WriteStartObject("totals");
        Totals(json, benchmark.All);
        json.WriteNumber("skipped", skipped);
        json.WriteEndObject();
        if (benchmark.Categories.Count > 0)
        {
            json.WriteStartObject("categories");
            foreach (var (name, totals) in benchmark.Categories)
            {
                Group(json, name, totals);
            }

            json.WriteEndObject();
            Number(json, "mean_of_categories", benchmark.MeanOfCategories);
        }

        if (benchmark.Calibration.Length > 0)
        {
            json.WriteStartObject("length");
            Number(json, "chosen_longer_share", (double)benchmark.ChosenLonger.Rows / benchmark.All.WithRewards);
            Group(json, "chosen_longer", benchmark.ChosenLonger);
            Group(json, "chosen_shorter", benchmark.ChosenShorter);
            Group(json, "same_length", benchmark.SameLength);
            json.WriteEndObject();
            Calibration(json, benchmark);
        }
    });

    private static void Group(Utf8JsonWriter json, string name, ScoreTotals totals)
    {
        json.WriteStartObject(name);
        Totals(json, totals);
        json.WriteEndObject();
    }

    private static void Totals(Utf8JsonWriter json, ScoreTotals totals)
    {
        json.WriteNumber("pairs", totals.Rows);
        Number(json, "loss", totals.MeanLoss);
        Number(json, "rewards/accuracies", totals.Accuracy);
        Number(json, "rewards/margins", totals.MeanMargin);
        json.WriteNumber("chosen_tokens", totals.ChosenTokens);
        json.WriteNumber("rejected_tokens", totals.RejectedTokens);
    }

    private static void Calibration(Utf8JsonWriter json, Benchmark benchmark)
    {
        json.WriteStartObject("calibration");
        Number(json, "expected_error", benchmark.CalibrationError);
        json.WriteStartArray("bins");
        foreach (var bin in benchmark.Calibration)
        {
            json.WriteStartObject();
            json.WriteNumber("from", Math.Round(bin.From, 2));
            json.WriteNumber("to", Math.Round(bin.To, 2));
            json.WriteNumber("pairs", bin.Rows);
            Number(json, "confidence", bin.MeanConfidence);
            Number(json, "accuracy", bin.Accuracy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Model(Utf8JsonWriter json, string name, PairScore score, Func<CompletionScore, (double Sum, IReadOnlyList<float> Tokens)?> of)
    {
        if (of(score.Chosen) is not { } chosen)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        Completion(json, "chosen", chosen);
        if (score.Rejected is { } second && of(second) is { } rejected)
        {
            Completion(json, "rejected", rejected);
        }

        json.WriteEndObject();
    }

    private static void Completion(Utf8JsonWriter json, string name, (double Sum, IReadOnlyList<float> Tokens) logps)
    {
        Number(json, $"{name}_logps", logps.Sum);
        json.WriteStartArray($"{name}_token_logps");
        foreach (var value in logps.Tokens)
        {
            if (float.IsFinite(value))
            {
                json.WriteNumberValue(value);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static string Write(Action<Utf8JsonWriter> content)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }
}
