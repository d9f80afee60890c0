using Grpc.Core;
using Orchestrator.Collectives.Protocol;

namespace Orchestrator.Collectives.Wire;

/// <summary>A rank of one generation of a run.</summary>
internal readonly record struct GroupId(string RunId, long Term, int Generation, int Rank)
{
    public static GroupId Called(AttachRequest request) => new(request.RunId, request.Term, request.Generation, request.Called);

    public bool IsOlderThan(GroupId other) => RunId == other.RunId && Rank == other.Rank && (Term, Generation).CompareTo((other.Term, other.Generation)) < 0;

    public override string ToString() => $"rank {Rank} of run '{RunId}', term {Term} generation {Generation}";
}

/// <summary>Takes calls of peers that attach to a rank of this process.</summary>
internal interface ISpeaker
{
    Task SpeakAsync(AttachRequest request, IServerStreamWriter<OutgoingFrame> stream, CancellationToken cancellation);
}

/// <summary>The ranks of this process, where their peers find them. A peer that comes first waits, for a while.</summary>
internal sealed class GroupRegistry(TimeSpan patience, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<GroupId, ISpeaker> _present = [];
    private readonly List<(GroupId Id, TaskCompletionSource<ISpeaker> Arrival)> _awaited = [];

    public void Add(GroupId id, ISpeaker speaker)
    {
        lock (_gate)
        {
            if (!_present.TryAdd(id, speaker))
            {
                throw new InvalidOperationException($"The server already has {id}.");
            }

            _awaited.RemoveAll(waiting => Answer(waiting.Id, waiting.Arrival, id, speaker));
        }
    }

    /// <summary>Forgets the rank, if it is this one that has the name.</summary>
    public void Remove(GroupId id, ISpeaker speaker)
    {
        lock (_gate)
        {
            _ = _present.GetValueOrDefault(id) == speaker && _present.Remove(id);
        }
    }

    /// <exception cref="RpcException">FailedPrecondition: this process is at a newer generation, or the rank did not come in time.</exception>
    public async Task<ISpeaker> FindAsync(AttachRequest request, CancellationToken cancellation)
    {
        var id = GroupId.Called(request);
        var arrival = new TaskCompletionSource<ISpeaker>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_present.TryGetValue(id, out var present))
            {
                return present;
            }

            foreach (var (other, _) in _present)
            {
                ThrowIfOlder(id, other);
            }

            _awaited.Add((id, arrival));
        }

        return await WaitAsync(id, arrival, cancellation);
    }

    private async Task<ISpeaker> WaitAsync(GroupId id, TaskCompletionSource<ISpeaker> arrival, CancellationToken cancellation)
    {
        try
        {
            return await arrival.Task.WaitAsync(patience, time, cancellation);
        }
        catch (TimeoutException)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, $"{id} did not come within {patience.TotalSeconds:0.#} s."));
        }
        finally
        {
            lock (_gate)
            {
                _awaited.RemoveAll(waiting => waiting.Arrival == arrival);
            }
        }
    }

    private static bool Answer(GroupId wanted, TaskCompletionSource<ISpeaker> arrival, GroupId present, ISpeaker speaker)
    {
        if (wanted == present)
        {
            return arrival.TrySetResult(speaker);
        }

        return wanted.IsOlderThan(present) && arrival.TrySetException(Older(wanted, present));
    }

    private static void ThrowIfOlder(GroupId wanted, GroupId present)
    {
        if (wanted.IsOlderThan(present))
        {
            throw Older(wanted, present);
        }
    }

    private static RpcException Older(GroupId wanted, GroupId present) =>
        new(new Status(StatusCode.FailedPrecondition, $"{wanted} is gone: here is {present}."));
}
