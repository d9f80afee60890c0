using System.CommandLine;
using Orchestrator.Collectives.Benchmark;
using Orchestrator.Host.Processes;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator bench`: measures a part of the program on this machine.</summary>
public static class BenchVerb
{
    public static Command Command() => new("bench", "Measure a part of the program.") { BenchStepVerb.Command(), AllReduce(), Rank() };

    private static Command AllReduce()
    {
        var arguments = new Argument<string[]>("options")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "--ranks N --bytes B[,B...] --transport auto|shm|grpc --wire fp32|bf16 --rounds R --json; between machines --bind, --local and --join HOST:PORT --token T.",
        };
        var command = new Command("allreduce", "All-reduce between ranks, beside this machine's memcpy and loopback.") { arguments };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = AllReduceBenchmarkOptions.Parse([.. parsed.GetValue(arguments) ?? [], .. parsed.UnmatchedTokens]);
            var results = await AllReduceBenchmark.RunAsync(options, [.. WorkerCommand.ThisProgram, "bench", "rank"], Console.Out, cancellation);
            return results.All(result => result.Correct) ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    /// <summary>One rank of the benchmark, started by it.</summary>
    private static Command Rank()
    {
        var desk = new Argument<string>("desk");
        var command = new Command("rank") { desk };
        command.Hidden = true;
        command.SetAction(async (parsed, cancellation) =>
        {
            await AllReduceBenchmark.RunRankAsync(parsed.GetRequiredValue(desk), cancellation);
            return ExitCode.Done;
        });
        return command;
    }
}
