using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>What happens when a step's gradient is not finite though it was computed twice.</summary>
public enum NonFinitePolicy
{
    /// <summary>The run ends, and says which leaves.</summary>
    Stop,

    /// <summary>The step is committed without its gradient: weights stay, the step number rises, on all ranks alike.</summary>
    Skip,
}

/// <summary>What a process that coordinates a run is told.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>Its files must lie under their paths on this machine: workers that do not find them download them from here.</summary>
    public required Job Job { get; init; }

    /// <summary>Workers that must have joined before the first step; later the run goes on with as many as there are. Default 2.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>IP address on which control plane and data plane listen.</summary>
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>Port of the control plane; 0 takes a free one, which the event <see cref="Listening"/> tells.</summary>
    public int Port { get; init; }

    /// <summary>Port from which workers download; 0 takes a free one.</summary>
    public int DataPort { get; init; }

    /// <summary>Name or address under which others reach this machine; null takes <see cref="Bind"/>, or the machine's name where that is any interface.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>host:port of all control nodes, this one included, the same list on each; empty where this is the only one.</summary>
    public ImmutableArray<string> ControlNodes { get; init; } = [];

    /// <summary>True: this node comes to others that coordinate already, and founds no cluster of its own, whoever else is silent.</summary>
    public bool StandsBy { get; init; }

    /// <summary>
    /// Asked, off the actors, when this node begins to coordinate: how the run has ended, where its files say that it has; null where it goes on.
    /// </summary>
    public Func<RunOutcome?>? AlreadyEnded { get; init; }

    /// <summary>Shared secret of the run; "" admits everybody who can connect.</summary>
    public string Token { get; init; } = "";

    /// <summary>TLS of control plane and data plane; null for none.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Checkpoints go to "checkpoints/step-00000050" in here.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>null or 0: not by steps.</summary>
    public long? SaveEverySteps { get; init; }

    /// <summary>null: not by time.</summary>
    public TimeSpan? SaveEvery { get; init; }

    /// <summary>Called, off the actors, after each complete checkpoint, with its directory: the place to prune older ones.</summary>
    public Action<string>? AfterCheckpoint { get; init; }

    /// <summary>null or 0: never between the first and the last step.</summary>
    public long? EvalEverySteps { get; init; }

    /// <summary>Evaluate before the first step.</summary>
    public bool EvalFirst { get; init; } = true;

    /// <summary>Evaluate after the last step.</summary>
    public bool EvalLast { get; init; } = true;

    /// <summary>Which checkpoint is best, and when to stop early; null: neither is asked.</summary>
    public SelectionRules? Selection { get; init; }

    /// <summary>What evaluations had shown when the run reached the job's first step; null: all that was due had been evaluated, and nothing is known of it.</summary>
    public EvaluationHistory? Seen { get; init; }

    /// <summary>The lowest term this run may have: one above the term of the checkpoint it resumes from.</summary>
    public long FirstTerm { get; init; } = 1;

    public NonFinitePolicy NonFinite { get; init; } = NonFinitePolicy.Stop;

    /// <summary>How ranks reach each other's memory.</summary>
    public Transport Transport { get; init; } = Transport.Auto;

    /// <summary>What a float becomes between hosts.</summary>
    public WireType Wire { get; init; } = WireType.Fp32;

    /// <summary>Connections between two ranks of different hosts, 1 to 16.</summary>
    public int Connections { get; init; } = 1;

    public Deadlines Deadlines { get; init; } = new();

    /// <summary>One line at each decision of note, with its reason: for a log, not for the console. Called on the coordinator's thread: do little.</summary>
    public Action<string>? Log { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>For tests: ends this node as kill -9 does, without a word to anybody.</summary>
    internal CancellationToken Kill { get; init; }

    /// <summary>For tests: as if it stood on this machine.</summary>
    internal string? HostId { get; init; }

    /// <summary>HOCON that wins over the settings Akka is given here; "" for none. For operators and tests.</summary>
    public string Hocon { get; init; } = "";

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        Deadlines.Check();
        Require(Workers >= 1, $"Workers is {Workers}; needed is 1 or more.");
        Require(Selection is null || Job.EvaluationSets.Any(set => set.Name == Selection.Set), $"Selection names the evaluation set '{Selection?.Set}', which the job does not have.");
        Require(FirstTerm >= 1, $"FirstTerm is {FirstTerm}; needed is 1 or more.");
        Require(ControlNodes.Length == 0 || Port != 0, "Port is 0 with several control nodes: each needs the port its entry in the list names.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException("Coordinator: " + message);
        }
    }
}
