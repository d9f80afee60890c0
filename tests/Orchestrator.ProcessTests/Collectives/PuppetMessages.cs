using Orchestrator.Collectives;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>What a test tells a rank's process, one JSON object a line.</summary>
internal sealed record Command
{
    public int Id { get; init; }

    /// <summary>form, reduce, cancel (the reduce of <see cref="Target"/>), leave, look.</summary>
    public required string Verb { get; init; }

    public int Target { get; init; }

    public string Run { get; init; } = "run";

    public int Generation { get; init; }

    public int Rank { get; init; }

    public string[] Members { get; init; } = [];

    public Transport Transport { get; init; } = Transport.Grpc;

    public WireType Wire { get; init; }

    public double DeadlineSeconds { get; init; } = 5;

    public double ConnectSeconds { get; init; } = 60;

    public int ChunkBytes { get; init; } = 64 * 1024;

    public long Step { get; init; }

    public int Bucket { get; init; }

    public int Floats { get; init; }
}

/// <summary>What a rank's process answers.</summary>
internal sealed record Reply
{
    public int Id { get; init; }

    /// <summary>Null where it went well.</summary>
    public string? Error { get; init; }

    public bool Cancelled { get; init; }

    public int? Suspect { get; init; }

    public string Phase { get; init; } = "";

    public int Bucket { get; init; }

    public long BytesMissing { get; init; }

    public double Seconds { get; init; }

    /// <summary>Elements of the sum that are wrong.</summary>
    public int Wrong { get; init; }

    public string Endpoint { get; init; } = "";

    public long LateFrames { get; init; }

    public int Descriptors { get; init; }

    public int SharedMappings { get; init; }

    public int Threads { get; init; }

    /// <summary>Resident now, after a full collection.</summary>
    public long MemoryBytes { get; init; }
}
