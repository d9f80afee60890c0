using System.CommandLine;
using Orchestrator.Cluster;
using Orchestrator.Host.Quickstart;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Orchestrator.Host.Traces;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator train`: the run of a run file, or the quickstart.</summary>
public static class TrainVerb
{
    public static Command Command()
    {
        var file = new Argument<string?>("run") { Arity = ArgumentArity.ZeroOrOne, Description = "The run file; without one the quickstart runs. Examples: cluster-config/runs." };
        var options = new TrainOptions();
        var command = new Command("train", "Train a model on preference pairs.") { file };
        options.AddTo(command);
        command.SetAction((parsed, stop) => RunAsync(parsed.GetValue(file), options.Overrides(parsed), options.Resumes(parsed), options.Trace(parsed), stop));
        return command;
    }

    /// <summary>The run file's settings and the folder of its run.</summary>
    /// <exception cref="RunFileException">With all problems.</exception>
    public static (Settings Settings, OutputDirectory Output) Read(string file, IReadOnlyList<string> overrides)
    {
        var here = Directory.GetCurrentDirectory();
        var settings = SettingsReader.ReadFile(file, overrides, here);
        return (settings, new OutputDirectory(settings.Of(OutputKeys.Directory) ?? Path.Combine(here, "out", Path.GetFileNameWithoutExtension(file))));
    }

    /// <inheritdoc cref="RunAsync(TrainRun, IAnsiConsole, CancellationToken)"/>
    /// <param name="trace">File for a timeline of this machine's steps, written however the run ends; null: none.</param>
    public static async Task<int> RunAsync(Settings settings, OutputDirectory output, bool resume, string? trace, CancellationToken stop)
    {
        var line = new ProgressLine(Console.Out, !Console.IsOutputRedirected, () => Screens.Out.Profile.Width);
        var run = new TrainRun(settings, output, resume, line);
        if (trace is null)
        {
            return await RunAsync(run, Screens.Out, stop);
        }

        using var timelines = TraceFolder.Create();
        try
        {
            return await RunAsync(run with { TraceFolder = timelines.Path }, Screens.Out, stop);
        }
        finally
        {
            timelines.WriteTrace(trace);
            line.Write($"Timeline of this machine's steps: {trace} (chrome://tracing, ui.perfetto.dev).");
        }
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

    private static async Task<int> RunAsync(string? file, IReadOnlyList<string> overrides, bool resume, string? trace, CancellationToken stop)
    {
        if (file is null)
        {
            return trace is null
                ? await QuickstartRun.RunAsync(overrides, resume, stop)
                : throw new ArgumentException("--trace needs a run file: the quickstart is several runs.");
        }

        var (settings, output) = Read(file, overrides);
        return await RunAsync(settings, output, resume, trace, stop);
    }

    private static int Tell(TrainRun run, RunOutcome outcome, IAnsiConsole console)
    {
        console.WriteLine(outcome.Reason);
        if (outcome.End == RunEnd.Completed)
        {
            console.WriteLine($"Model: {run.Output.Model}");
            console.WriteLine($"SHA-256 of its weights: {outcome.WeightsSha256}");
            console.WriteLine($"Metrics: {run.Output.Metrics}");
            console.WriteLine($"Next: {NextStep.After(run.Settings, run.Output)}");
            return ExitCode.Done;
        }

        if (outcome.End == RunEnd.HandedOver)
        {
            console.WriteLine($"Watch it: orchestrator status {run.Settings.Of(ClusterKeys.ControlNodes).ElementAtOrDefault(1)}");
            return ExitCode.Done;
        }

        console.WriteLine($"Go on with: orchestrator {(Mapping.IsSft(run.Settings) ? "sft" : "train")} {run.Settings.Source} --resume --output {run.Output.Path}");
        return outcome.End == RunEnd.Stopped ? ExitCode.Stopped : ExitCode.Failed;
    }
}
