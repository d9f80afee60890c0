using System.CommandLine;
using Orchestrator.Host.Verbs;

namespace Orchestrator.Host;

/// <summary>The `orchestrator` command: its verbs, and what happens when one fails.</summary>
public static class CommandLine
{
    public static async Task<int> RunAsync(string[] args, CancellationToken stop)
    {
        var parsed = Root().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                Console.Error.WriteLine(error.Message);
            }

            Console.Error.WriteLine($"See: orchestrator {string.Join(' ', args.TakeWhile(arg => !arg.StartsWith('-')).Take(1))} --help");
            return ExitCode.Refused;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stop);
        }
        catch (Exception error)
        {
            return Failure.Show(error, Console.Error);
        }
    }

    public static RootCommand Root() => new($"Trains a language model on preference pairs (DPO) across GPUs and machines. {ExitCode.Help}")
    {
        TrainVerb.Command(), SftVerb.Command(), WorkerVerb.Command(), ControlVerb.Command(), ScoreVerb.Command(), InspectVerb.Command(), PlanVerb.Command(), GenerateVerb.Command(), MergeVerb.Command(),
        DoctorVerb.Command(), StatusVerb.Command(), KeysVerb.Command(), BenchVerb.Command(),
    };
}
