using System.CommandLine;
using Orchestrator.Cluster;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator control --join HOST:PORT --node HOST:PORT`: one more control node of a live run, which stands by to coordinate it.</summary>
public static class ControlVerb
{
    private static readonly Option<string[]> Join = new("--join") { Required = true, Description = "host:port of one or more control nodes of the run." };
    private static readonly Option<string> Node = new("--node") { Required = true, Description = "host:port of this one, as cluster.control_nodes of the run has it." };
    private static readonly Option<string> Bind = new("--bind") { DefaultValueFactory = _ => "127.0.0.1", Description = "Address to listen on; 0.0.0.0 for other machines." };
    private static readonly Option<string?> Output = new("--output") { Description = "Where it records and saves while it coordinates: the run's own folder where machines share it; out/RUN-ID otherwise." };
    private static readonly Option<double> Wait = new("--wait-minutes") { DefaultValueFactory = _ => 10, Description = "How long to wait for the run to answer." };

    public static Command Command()
    {
        var command = new Command("control", $"Stand by to coordinate a live run. It needs no run file, model or data. The run's secret comes from {LocalWorkers.TokenVariable}.")
        {
            Join, Node, Bind, Output, Wait,
        };
        foreach (var option in TlsArguments.Options)
        {
            command.Add(option);
        }

        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        var token = Environment.GetEnvironmentVariable(LocalWorkers.TokenVariable) ?? "";
        var tls = TlsArguments.Read(parsed);
        string[] join = [.. parsed.GetRequiredValue(Join).SelectMany(list => list.Split(','))];
        var line = new ProgressLine(Console.Out, !Console.IsOutputRedirected, () => Screens.Out.Profile.Width);
        var offer = await Coordinator.AskJobAsync(join, token, tls, TimeSpan.FromMinutes(VerbOptions.Within(Wait.Name, parsed.GetValue(Wait), double.Epsilon, 10000)), stop);
        var output = new OutputDirectory(Path.GetFullPath(parsed.GetValue(Output) ?? Path.Combine("out", offer.Job.RunId)));
        var job = await Coordinator.BringAsync(offer, output.Cache, token, tls, line.Write, stop);
        var settings = SettingsReader.ReadSaved(job.RunFile, "the run's own run file")
            .With(ClusterKeys.Bind, parsed.GetRequiredValue(Bind))
            .With(ClusterKeys.TlsCertificate, tls?.CertificateFile).With(ClusterKeys.TlsKey, tls?.KeyFile).With(ClusterKeys.TlsAuthority, tls?.AuthorityFile);
        var self = Self(parsed.GetRequiredValue(Node), settings);
        Record(output, job);
        var node = new ControlNode(settings, job, output, line, token)
        {
            Self = self,
            StandsBy = true,
            FirstTerm = offer.FirstTerm,
            Workers = settings.Of(ClusterKeys.WaitForWorkers) ?? Math.Max(1, settings.Of(ClusterKeys.Workers)),
            LogName = $"control-{self.Host}-{self.Port}.log",
        };
        line.Write($"Control node {self} stands by for run {job.RunId}.");
        var outcome = await node.RunAsync(stop);
        line.End();
        line.Write(outcome.Reason);
        return outcome.End switch { RunEnd.Completed or RunEnd.HandedOver => ExitCode.Done, RunEnd.Stopped => ExitCode.Stopped, _ => ExitCode.Failed };
    }

    /// <exception cref="ArgumentException">The run knows no such node: nobody would look for it there.</exception>
    private static ControlAddress Self(string node, Settings settings)
    {
        var nodes = settings.Of(ClusterKeys.ControlNodes);
        return nodes.Contains(node) && ControlAddress.TryParse(node) is { } self
            ? self
            : throw new ArgumentException($"--node is {node}, which is none of the run's cluster.control_nodes ({(nodes.Length == 0 ? "it has none" : string.Join(", ", nodes))}). Name one of them, or start the run with it in the list.");
    }

    // So that the run can be resumed from here.
    private static void Record(OutputDirectory output, Core.Job job)
    {
        Directory.CreateDirectory(output.Path);
        if (!File.Exists(output.Job))
        {
            File.WriteAllText(output.RunFile, job.RunFile);
            SavedJob.Write(job, output.Job);
        }
    }
}
