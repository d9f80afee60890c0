using Orchestrator.Host;
using Orchestrator.Host.Processes;

if (!ParentWatch.Obey())
{
    return ExitCode.Stopped;
}

using var stop = new StopSignal();
return await CommandLine.RunAsync(args, stop.Token);
