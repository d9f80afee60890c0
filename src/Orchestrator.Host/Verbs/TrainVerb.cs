using System.CommandLine;
using Orchestrator.Cluster;
using Orchestrator.Host.Quickstart;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator train`: the run of a run file, or the quickstart.</summary>
public static class TrainVerb
{
    public static Command Command()
    {
        var file = new Argument<string?>("run") { Arity = ArgumentArity.ZeroOrOne, Description = "The run file; without one the quickstart runs. Examples: cluster-config/runs." };
        var set = new Option<string[]>("--set") { Description = "key=value: wins over the run file. See: orchestrator keys.", AllowMultipleArgumentsPerToken = false };
        var resume = new Option<bool>("--resume") { Description = "Go on from the newest complete checkpoint of the output folder." };
        var output = new Option<string?>("--output") { Description = "The output folder; as --set output_dir=DIR." };
        var workers = new Option<int?>("--workers") { Description = "Worker processes on the CPU; as --set workers=N." };
        var command = new Command("train", "Train a model on preference pairs.") { file, set, resume, output, workers };
        command.SetAction((parsed, stop) => RunAsync(
            parsed.GetValue(file),
            [
                .. parsed.GetValue(set) ?? [],
                .. parsed.GetValue(output) is { } folder ? [$"output_dir={VerbSettings.Quote(folder)}"] : Array.Empty<string>(),
                .. parsed.GetValue(workers) is { } count ? [$"workers={count}"] : Array.Empty<string>(),
            ],
            parsed.GetValue(resume),
            stop));
        return command;
    }

    private static async Task<int> RunAsync(string? file, IReadOnlyList<string> overrides, bool resume, CancellationToken stop)
    {
        if (file is null)
        {
            return await QuickstartRun.RunAsync(overrides, resume, stop);
        }

        var here = Directory.GetCurrentDirectory();
        var settings = SettingsReader.ReadFile(file, overrides, here);
        var output = new OutputDirectory(settings.Of(OutputKeys.Directory) ?? Path.Combine(here, "out", Path.GetFileNameWithoutExtension(file)));
        var line = new ProgressLine(Console.Out, !Console.IsOutputRedirected, () => Screens.Out.Profile.Width);
        return await RunAsync(new TrainRun(settings, output, resume, line), Screens.Out, stop);
    }

    /// <summary>The run, the table at its end, and where everything lies.</summary>
    public static async Task<int> RunAsync(TrainRun run, IAnsiConsole console, CancellationToken stop)
    {
        var summary = new RunSummary();
        var outcome = await (run with { Observer = summary }).RunAsync(stop);
        run.Line.End();
        summary.Show(console);
        return Tell(run, outcome, console);
    }

    private static string ScoreOptions(TrainRun run)
    {
        var (model, reference) = (run.Settings.Of(ModelKeys.Path), run.Settings.Of(ModelKeys.Reference));
        return Mapping.Lora(run.Settings) is null
            ? $"--model {run.Output.Model} --reference {reference ?? model}"
            : $"--model {model} --adapter {run.Output.Model}{(reference is null ? "" : $" --reference {reference}")}";
    }

    private static int Tell(TrainRun run, RunOutcome outcome, IAnsiConsole console)
    {
        console.WriteLine(outcome.Reason);
        if (outcome.End == RunEnd.Completed)
        {
            console.WriteLine($"Model: {run.Output.Model}");
            console.WriteLine($"SHA-256 of its weights: {outcome.WeightsSha256}");
            console.WriteLine($"Metrics: {run.Output.Metrics}");
            console.WriteLine($"Next: orchestrator score {ScoreOptions(run)} --data {run.Settings.Of(DataKeys.Train)[0]}");
            return ExitCode.Done;
        }

        console.WriteLine($"Go on with: orchestrator train {run.Settings.Source} --resume --output {run.Output.Path}");
        return outcome.End switch { RunEnd.Stopped => ExitCode.Stopped, RunEnd.HandedOver => ExitCode.Done, _ => ExitCode.Failed };
    }
}
