using Orchestrator.Host;

using var stop = new StopSignal();
return await CommandLine.RunAsync(args, stop.Token);
