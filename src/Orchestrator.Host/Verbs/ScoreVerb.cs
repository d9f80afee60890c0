using System.CommandLine;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Scoring;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator score`: log-probabilities, rewards and loss of every pair, and their totals.</summary>
public static class ScoreVerb
{
    public static Command Command()
    {
        var model = new Option<string>("--model") { Required = true, Description = "The policy, a folder in Hugging Face layout." };
        var adapter = VerbOptions.Adapter();
        var reference = new Option<string?>("--reference") { Description = "The reference; without one it is the model without its adapter, and where there is no adapter every completion counts as equally likely." };
        var data = new Option<string>("--data") { Required = true, Description = "A file of pairs: .jsonl, .json (also .gz) or .parquet." };
        var loss = new Option<string?>("--loss") { Description = "As objective.loss_type." };
        var beta = new Option<string?>("--beta") { Description = "As objective.beta." };
        var smoothing = new Option<string?>("--label-smoothing") { Description = "As objective.label_smoothing." };
        var file = new Option<string?>("--out") { Description = "Write one JSON object a pair to this file." };
        var set = new Option<string[]>("--set") { Description = "key=value of the sections data, objective and cluster." };
        var json = VerbOptions.Json();
        var device = VerbOptions.Device();
        var command = new Command("score", "Score pairs under a policy and a reference.") { model, adapter, reference, data, loss, beta, smoothing, file, set, json, device };
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
            return RunAsync(settings, parsed.GetValue(file), parsed.GetValue(json), Console.Out, cancellation);
        });
        return command;
    }

    /// <param name="file">null: rows go to <paramref name="to"/> with <paramref name="json"/>, and nowhere without.</param>
    public static async Task<int> RunAsync(Settings settings, string? file, bool json, TextWriter to, CancellationToken cancellation)
    {
        await using var rows = file is null ? null : new StreamWriter(file);
        var run = new ScoreRun(settings) { Rows = rows ?? (json ? to : null), Report = json ? null : to };
        var (totals, data) = await run.RunAsync(cancellation);
        await to.WriteLineAsync(json ? ScoreJson.Totals(totals, data.RowsSkipped) : ScoreRun.Text(totals));
        return ExitCode.Done;
    }
}
