using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Cluster;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator status HOST:PORT`: how a live run stands.</summary>
public static class StatusVerb
{
    private static readonly JsonSerializerOptions Style = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static Command Command()
    {
        var address = new Argument<string>("address") { Description = "host:port of the run's coordinator." };
        var timeout = new Option<double>("--timeout-seconds") { DefaultValueFactory = _ => 10, Description = "How long to wait for an answer." };
        var json = VerbOptions.Json();
        var command = new Command("status", $"Show a live run. The run's secret comes from {LocalWorkers.TokenVariable}.") { address, timeout, json };
        foreach (var option in TlsArguments.Options)
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            var status = await Coordinator.StatusAsync(
                parsed.GetRequiredValue(address),
                Environment.GetEnvironmentVariable(LocalWorkers.TokenVariable) ?? "",
                TimeSpan.FromSeconds(parsed.GetValue(timeout)),
                cancellation,
                TlsArguments.Read(parsed));
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(status, Style));
            }
            else
            {
                Show(Screens.Out, status);
            }

            return ExitCode.Done;
        });
        return command;
    }

    public static void Show(IAnsiConsole console, RunStatus status)
    {
        console.WriteLine($"Run {status.RunId}, coordinator {status.Coordinator}: {status.Phase.ToString().ToLowerInvariant()}, step {status.Step} of {status.Steps}, term {status.Term}, generation {status.Generation}, attempt {status.Attempt}");
        var table = new Table().Border(TableBorder.Simple).AddColumns("worker", "rank", "doing", "applied", "leaves", "s/leaf", "heard");
        foreach (var worker in status.Workers)
        {
            string[] cells =
            [
                $"{worker.Name} ({worker.Address})", worker.Rank?.ToString() ?? "-", worker.Doing, $"{worker.Applied}", worker.Leaves.Length == 0 ? "-" : worker.Leaves,
                worker.SecondsPerLeaf?.ToString("0.00") ?? "-", $"{worker.LastHeardSeconds:0.0} s ago",
            ];
            table.AddRow([.. cells.Select(cell => new Text(cell))]);
        }

        console.Write(table);
        foreach (var recovery in status.Recoveries)
        {
            console.WriteLine(recovery);
        }
    }
}
