using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What the coordinator's decisions depend on besides state and input: fixed for the whole run.</summary>
public sealed record RunRules
{
    public required string RunId { get; init; }

    public required BatchPlan Plan { get; init; }

    public string Token { get; init; } = "";

    public long StartStep { get; init; }

    public ulong? StartDigest { get; init; }

    public ImmutableArray<EvaluationSet> Sets { get; init; } = [];

    /// <summary>null: no pass of the reference before the first step.</summary>
    public ReferencePlan? Reference { get; init; }

    public int Workers { get; init; } = 1;

    public long FirstTerm { get; init; } = 1;

    /// <summary>A worker whose endpoint has this host id can write into the output directory itself.</summary>
    public string HostId { get; init; } = "";

    /// <summary>The folder of all checkpoints.</summary>
    public string Checkpoints { get; init; } = "checkpoints";

    public long SaveEverySteps { get; init; }

    public TimeSpan? SaveEvery { get; init; }

    public long EvalEverySteps { get; init; }

    public bool EvalFirst { get; init; }

    public bool EvalLast { get; init; }

    /// <summary>null: no checkpoint is better than another.</summary>
    public SelectionRules? Selection { get; init; }

    /// <summary>What evaluations had shown at <see cref="StartStep"/>.</summary>
    public EvaluationHistory Seen { get; init; } = EvaluationHistory.Empty;

    public NonFinitePolicy NonFinite { get; init; }

    public string Transport { get; init; } = "";

    public string Wire { get; init; } = "";

    public int Connections { get; init; } = 1;

    /// <summary>The job as JSON, and where its files are offered: handed to workers as they are.</summary>
    public ByteString Job { get; init; } = ByteString.Empty;

    public string Files { get; init; } = "";

    public Deadlines Deadlines { get; init; } = new();

    public long Steps => Plan.Steps;

    public string CheckpointOf(long step) => Path.Combine(Checkpoints, $"step-{step:D8}");

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static RunRules Of(CoordinatorOptions options, string hostId, string files, ByteString job)
    {
        options.Check();
        return new RunRules
        {
            RunId = options.Job.RunId,
            Plan = options.Job.Plan.ToPlan(),
            Token = options.Token,
            StartStep = options.Job.StartStep,
            StartDigest = options.Job.StateDigest,
            Sets = options.Job.EvaluationSets,
            Reference = options.Job.Reference,
            Workers = options.Workers,
            FirstTerm = options.FirstTerm,
            HostId = hostId,
            Checkpoints = Path.Combine(options.OutputDirectory, "checkpoints"),
            SaveEverySteps = options.SaveEverySteps ?? 0,
            SaveEvery = options.SaveEvery,
            EvalEverySteps = options.EvalEverySteps ?? 0,
            EvalFirst = options.EvalFirst,
            EvalLast = options.EvalLast,
            Selection = options.Selection,
            Seen = options.Seen ?? new EvaluationHistory(Evaluated: options.Job.StartStep > 0 ? options.Job.StartStep : -1),
            NonFinite = options.NonFinite,
            Transport = options.Transport.ToString(),
            Wire = options.Wire.ToString(),
            Connections = options.Connections,
            Job = job,
            Files = files,
            Deadlines = options.Deadlines,
        };
    }
}
