using Google.Protobuf;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Benchmarks.Control;

/// <summary>A worker that decides as real ones do and whose work takes no time: every leaf has the metrics of a DPO step, and gradients are all alike.</summary>
internal sealed class SimulatedWorker(string name)
{
    private static readonly string[] Metrics =
        ["loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "num_tokens"];

    private readonly WorkerRules _rules = new() { Name = name, Endpoint = $"{name}:1|host|1" };
    private WorkerState _state = WorkerState.Start(TimeSpan.Zero);

    /// <summary>What it answers to a command, its work done.</summary>
    public IReadOnlyList<IMessage> Hear(string from, IMessage command, TimeSpan now)
    {
        var replies = new List<IMessage>();
        Decide(new CommandHeard(from, command), now, replies);
        return replies;
    }

    private void Decide(WorkerInput input, TimeSpan now, List<IMessage> replies)
    {
        (_state, var effects, _) = WorkerProtocol.Decide(_state, input, now, _rules);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case Reply reply:
                    replies.Add(reply.Message);
                    break;
                case BeginWork begin:
                    Decide(new WorkEnded(begin.Work, Result(begin.Work)), now, replies);
                    break;
            }
        }
    }

    private WorkResult Result(WorkerWork work) => work switch
    {
        PrepareJob => new AtStep(0, 1),
        MeetGroup => new AtStep(_state.Applied, _state.StateDigest),
        ApplyStaged apply => new AtStep(apply.Id.Step + 1, _state.StateDigest * 31 + _state.Staged!.GradientDigest),
        ComputeLeaves compute => new Answer(Vote(compute.Command)),
        SaveState save => new Answer(new Saved { Term = save.Command.Term, Step = save.Command.Step, WeightsSha256 = "00" }),
        _ => throw new NotSupportedException($"{work.GetType().Name} is no part of the benchmark."),
    };

    private Prepared Vote(ComputeStep step)
    {
        var leaves = step.OwnLeaves().ToArray();
        return new Prepared
        {
            Id = step.Id,
            Finite = true,
            GradientDigest = _state.StateDigest * 7 + (ulong)step.Id.Step,
            StateDigest = _state.StateDigest,
            GradientNorm = 1.5,
            LearningRate = 1e-6,
            Sums = Sums.Of(leaves.Select(leaf => new LeafSums(leaf, [.. Metrics.Select((metric, i) => new MetricSum(metric, leaf + 0.1 * i, 2))]))),
            Computed = leaves.Length,
            Seconds = 0.01 * leaves.Length,
        };
    }
}
