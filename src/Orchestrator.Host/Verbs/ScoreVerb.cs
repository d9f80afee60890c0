using System.CommandLine;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Scoring;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator score`: log-probabilities, rewards and loss of every pair, and what they show together.</summary>
public static class ScoreVerb
{
    public static Command Command()
    {
        var model = new Option<string>("--model") { Required = true, Description = "The policy, a folder in Hugging Face layout." };
        var adapter = VerbOptions.Adapter();
        var reference = new Option<string?>("--reference") { Description = "The reference; without one it is the model without its adapter, and where there is no adapter every completion counts as equally likely." };
        var data = new Option<string>("--data") { Required = true, Description = "A file of pairs: .jsonl, .json (also .gz) or .parquet." };
        var loss = new Option<string?>("--loss") { Description = "As objective.loss_type. Terms that count the tokens of a step alike (sft, cpo, unlikelihood) take data.pairs_per_leaf rows for one, as an evaluation does." };
        var beta = new Option<string?>("--beta") { Description = "As objective.beta." };
        var smoothing = new Option<string?>("--label-smoothing") { Description = "As objective.label_smoothing." };
        var file = new Option<string?>("--out") { Description = "Write one JSON object a pair to this file." };
        var markdown = new Option<string?>("--markdown") { Description = "Write the figures as a Markdown page to this file." };
        var category = new Option<string?>("--category") { Description = "The field of a row by which accuracy is told apart; default: category, where rows have it." };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace files that exist." };
        var set = new Option<string[]>("--set") { Description = "key=value of the sections data, objective and cluster." };
        var json = VerbOptions.Json();
        var device = VerbOptions.Device();
        var command = new Command("score", "Score pairs under a policy and a reference.") { model, adapter, reference, data, loss, beta, smoothing, file, markdown, category, overwrite, set, json, device };
        command.SetAction((parsed, cancellation) =>
        {
            string[] Given(Option<string?> option, Key key) => parsed.GetValue(option) is { } value ? [$"{key.Dotted}={value}"] : [];
            var settings = VerbSettings.Of(
                parsed.GetRequiredValue(model),
                parsed.GetValue(reference),
                parsed.GetRequiredValue(data),
                [
                    $"{DataKeys.MaxLength.Dotted}=null", $"{ClusterKeys.Device.Dotted}={parsed.GetRequiredValue(device)}",
                    .. VerbSettings.Adapter(parsed.GetValue(adapter)), .. Given(loss, ObjectiveKeys.LossType), .. Given(beta, ObjectiveKeys.Beta), .. Given(smoothing, ObjectiveKeys.LabelSmoothing), .. parsed.GetValue(set) ?? [],
                ]);
            var output = new ScoreOutput(parsed.GetValue(file), parsed.GetValue(markdown), parsed.GetValue(json), parsed.GetValue(overwrite), parsed.GetValue(category));
            return RunAsync(settings, output, Console.Out, cancellation);
        });
        return command;
    }

    public static async Task<int> RunAsync(Settings settings, ScoreOutput output, TextWriter to, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(output);
        await using var rows = OutputFile.Open("--out", output.Rows, output.Overwrite);
        await using var page = OutputFile.Open("--markdown", output.Markdown, output.Overwrite);
        var run = new ScoreRun(settings) { Rows = rows?.Writer ?? (output.Json ? to : null), Report = output.Json ? null : to, Category = output.Category };
        var (benchmark, data) = await run.RunAsync(cancellation);
        await to.WriteLineAsync(output.Json ? ScoreJson.Totals(benchmark, data.RowsSkipped) : string.Join(Environment.NewLine, BenchmarkText.Lines(benchmark)));
        if (page is not null)
        {
            await page.Writer.WriteAsync(BenchmarkText.Markdown(benchmark, Title(settings)));
            await page.CommitAsync();
        }

        if (rows is not null)
        {
            await rows.CommitAsync();
        }

        return ExitCode.Done;
    }

    private static string Title(Settings settings)
    {
        var policy = settings.Of(ModelKeys.Adapter) is { } adapter ? $"{settings.Of(ModelKeys.Path)} with {adapter}" : settings.Of(ModelKeys.Path);
        return $"{policy} against {settings.Of(ModelKeys.Reference) ?? (settings.Of(ModelKeys.Adapter) is null ? "no reference" : settings.Of(ModelKeys.Path))} on {string.Join(", ", Mapping.TrainPaths(settings))}";
    }
}

/// <summary>Where scores go.</summary>
/// <param name="Rows">A file; null: rows go to the output with <paramref name="Json"/>, and nowhere without.</param>
/// <param name="Markdown">A file; null: no page.</param>
/// <param name="Overwrite">Files that exist are replaced.</param>
/// <param name="Category">As <see cref="ScoreRun.Category"/>.</param>
public sealed record ScoreOutput(string? Rows = null, string? Markdown = null, bool Json = false, bool Overwrite = false, string? Category = null);
