using System.Globalization;
using Orchestrator.ProcessTests.Cluster;
using Orchestrator.ProcessTests.Collectives;

namespace Orchestrator.ProcessTests;

/// <summary>The processes that the tests start, kill and stop are this program, called with a role.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["collective-rank"]:
                await new RankPuppet(Console.In, Console.Out).RunAsync();
                return 0;
            case [WorkerProcess.Role, var name, var address, var folder, var milliseconds]:
                return await WorkerProcess.RunAsync(name, address, folder, int.Parse(milliseconds, CultureInfo.InvariantCulture));
            default:
                await Console.Error.WriteLineAsync("This program holds tests: run dotnet test.");
                return 2;
        }
    }
}
