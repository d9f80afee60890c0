using System.Collections.Immutable;
using System.Text.Json;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Cluster.Actors;

/// <summary>The coordinator's state as people see it.</summary>
internal static class StatusReport
{
    public static StatusReply Answer(StatusQuery query, CoordinatorState state, RunRules rules, TimeSpan now, IEnumerable<string> control)
    {
        if (query.Token != rules.Token)
        {
            return new StatusReply { Error = "The token is not this run's: give the one its nodes were started with." };
        }

        return new StatusReply { Status = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(Of(state, rules, now, [.. control]))) };
    }

    public static RunStatus Of(CoordinatorState state, RunRules rules, TimeSpan now, ImmutableArray<string> control) => new(
        rules.RunId,
        state.Id,
        PhaseOf(state),
        state.Term,
        state.Generation,
        state.Step,
        rules.Steps,
        Math.Max(0, state.Try?.Id.Attempt ?? 0),
        control,
        [.. state.Workers.Where(w => w.Value.Dropped is null).Select(w => Worker(w.Key, w.Value, state, now))],
        [.. state.Recoveries]);

    private static WorkerStatus Worker(string id, WorkerView view, CoordinatorState state, TimeSpan now) => new(
        view.Name is { Length: > 0 } name ? name : id,
        id[..id.IndexOf('#', StringComparison.Ordinal)],
        state.Members.IndexOf(id) is var rank && rank >= 0 ? rank : null,
        view.Last is not { } last ? "joining" : last.Leaving.Length > 0 ? $"leaving, {last.Doing}" : last.Ready || last.Doing != "idle" ? last.Doing : "joined",
        view.Last?.Applied ?? 0,
        state.Try is { } step ? string.Join(", ", Dealing.RangesOf(step.Owners, id)) : "",
        view.Pace?.SecondsPerLeaf,
        (now - view.Heard).TotalSeconds);

    private static RunPhase PhaseOf(CoordinatorState state) => state.Stage switch
    {
        Stage.Gathering => RunPhase.Gathering,
        Stage.Evaluating => RunPhase.Evaluating,
        Stage.Saving => RunPhase.Saving,
        Stage.Ending or Stage.Ended => RunPhase.Ending,
        _ => RunPhase.Training,
    };
}
