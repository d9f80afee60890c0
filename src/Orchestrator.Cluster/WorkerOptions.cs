using System.Collections.Immutable;
using Orchestrator.Collectives;

namespace Orchestrator.Cluster;

/// <summary>What a process that works for a run is told; everything else it learns from the coordinator.</summary>
public sealed record WorkerOptions
{
    /// <summary>host:port of one or more control nodes.</summary>
    public required ImmutableArray<string> Join { get; init; }

    /// <summary>As people see it: "gpu-3 cuda:0". null: its control address.</summary>
    public string? Name { get; init; }

    /// <summary>IP address on which control plane and data plane listen.</summary>
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>Name or address under which others reach this machine; null takes <see cref="Bind"/>, or the machine's name where that is any interface.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>Port of the control plane; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Port of the data plane; 0 takes a free one.</summary>
    public int DataPort { get; init; }

    /// <summary>Shared secret of the run.</summary>
    public string Token { get; init; } = "";

    /// <summary>TLS of control plane and data plane; null for none.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Where the job's files go that do not lie on this machine already.</summary>
    public required string CacheDirectory { get; init; }

    /// <summary>After being told to stop, how long the worker waits to be let go at a step's end. Default 20 s.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Must be the coordinator's.</summary>
    public Deadlines Deadlines { get; init; } = new();

    /// <summary>One line for people at each thing of note: joined, fenced, loading. Called off the actors.</summary>
    public Action<string>? Log { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>For tests: ends this worker as kill -9 does, without a word to anybody.</summary>
    internal CancellationToken Kill { get; init; }

    /// <summary>HOCON that wins over the settings Akka is given here; "" for none. For operators and tests.</summary>
    public string Hocon { get; init; } = "";

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        Deadlines.Check();
        if (Join.IsDefaultOrEmpty)
        {
            throw new ArgumentException("Worker: Join is empty; needed is host:port of a control node.");
        }
    }
}

/// <summary>Why a worker ended.</summary>
public enum WorkerEnd
{
    /// <summary>The run is over, and the coordinator said so.</summary>
    RunEnded,

    /// <summary>It was told to stop and has left.</summary>
    Left,

    /// <summary>No coordinator for longer than the deadline.</summary>
    Orphaned,

    /// <summary>The run does not want it, and would not another time: token, another run's replica.</summary>
    Refused,

    /// <summary>It cannot work: files, device. A fresh process may be able to where the reason is the device.</summary>
    Failed,
}

/// <param name="Reason">One sentence for people.</param>
public sealed record WorkerOutcome(WorkerEnd End, string Reason);
