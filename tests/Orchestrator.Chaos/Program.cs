using Orchestrator.Chaos;
using Orchestrator.Chaos.Network;

const string Usage = """
    Disturbs a real training run in every way it can for a while, and says what that cost and whether anything was lost.
      --minutes M       how long the run is disturbed (default 30; decimals are taken); the calm runs before and after take as long again
      --every S         seconds from one fault to the next, on average (default 28: 60 to 64 in 30 minutes); 0: as soon as the run has recovered
      --seed N          which faults, on whom and when (default 1)
      --workers N       worker hosts (default 4)
      --control N       control nodes, 3 or more (default 3)
      --patience S      the run's cluster.deadline_seconds (default 2)
      --json FILE       the report as JSON
      --folder DIR      where it works (default: a temporary folder, removed when nothing was lost)
      --no-namespaces   no host gets a network of its own: no partitions
    Exit code 0: nothing lost, same weights; 1: something was lost, or no fault was tried; 2: wrong arguments.
    """;

ChaosOptions options;
try
{
    options = ChaosOptions.Parse(args);
}
catch (ArgumentException error)
{
    await Console.Error.WriteLineAsync(error.Message + Environment.NewLine + Usage);
    return 2;
}

if (options.Namespaces && !options.Inside && HostNetwork.WhyNot() is not { Length: > 0 })
{
    return await HostNetwork.RunInsideAsync(args);
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
try
{
    return await new ChaosRun(options, Console.WriteLine).RunAsync(stop.Token) ? 0 : 1;
}
catch (Exception error) when (error is IOException or InvalidOperationException or TimeoutException or OperationCanceledException)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 1;
}
