using System.Threading.Channels;
using Akka.Actor;
using Orchestrator.Cluster.Actors;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Cluster.Work;
using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;

namespace Orchestrator.Cluster.Nodes;

/// <summary>What the actors of a control node and its process share: events out, wishes in, the outcome.</summary>
internal sealed class ControlDesk : IAsyncDisposable
{
    private readonly CoordinatorOptions _options;
    private readonly Channel<RunEvent> _events = Channel.CreateUnbounded<RunEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource<RunOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StopWish _stop = new();
    private readonly Task _observing;
    private IActorRef? _coordinator;
    private RunOutcome? _over;

    public ControlDesk(CoordinatorOptions options, IRunObserver observer)
    {
        _options = options;
        _observing = Task.Run(() => ObserveAsync(observer));
    }

    public TimeProvider Time => _options.Time;

    public Deadlines Deadlines => _options.Deadlines;

    public Task<RunOutcome> Outcome => _outcome.Task;

    /// <summary>The actor that tells other control nodes; set before anything can end.</summary>
    public IActorRef? Desk { get; set; }

    /// <summary>True while this node is the one that coordinates.</summary>
    public bool Coordinates => _coordinator is not null;

    public void Log(string line) => _options.Log?.Invoke(line);

    public void Publish(RunEvent happened) => _events.Writer.TryWrite(happened with { Time = Time.GetUtcNow() });

    public void Begins(IActorRef coordinator)
    {
        _coordinator = coordinator;
        if (_over is { } over)
        {
            _outcome.TrySetResult(over);
            return;
        }

        if (_options.AlreadyEnded is { } ended)
        {
            _ = Task.Run(() => EndIf(ended));   // reads files
        }

        _stop.Register(reason => coordinator.Tell(new Local<CoordinatorInput>(new StopRequested(reason))));
    }

    public void Stop(string reason) => _stop.Wish(reason);

    public void HandedOver(long step)
    {
        _coordinator = null;
        _outcome.TrySetResult(new RunOutcome(RunEnd.HandedOver, "Another control node coordinates the run now.", step, null, null));
    }

    /// <summary>The coordinator of this node has ended.</summary>
    public void RunEnds(RunOutcome outcome) => _outcome.TrySetResult(outcome);

    /// <summary>Tells the other control nodes that there is nothing left to coordinate.</summary>
    public void Announce(RunOutcome outcome) => Desk?.Tell(new Local<RunOver>(new RunOver
    {
        Token = _options.Token,
        End = (int)outcome.End,
        Reason = outcome.Reason,
        Step = outcome.Step,
        Checkpoint = outcome.Checkpoint ?? "",
        WeightsSha256 = outcome.WeightsSha256 ?? "",
    }));

    /// <summary>Another control node says so.</summary>
    /// <returns>False where it was known.</returns>
    public bool Over(RunOver over)
    {
        var known = _over is not null;
        _over = new RunOutcome(
            (RunEnd)over.End, over.Reason, over.Step, over.Checkpoint.Length > 0 ? over.Checkpoint : null, over.WeightsSha256.Length > 0 ? over.WeightsSha256 : null);
        _outcome.TrySetResult(_over);
        return !known;
    }

    /// <summary>The actor system went away under the run.</summary>
    public void Terminated() => _outcome.TrySetResult(new RunOutcome(
        RunEnd.Fenced, "This control node was cut off from the others and has fenced itself. The run goes on, or can be resumed, where the others are.", 0, null, null));

    // A coordinator may have died between the last goodbye and telling the other control nodes: nobody is left to ask but the disk.
    private void EndIf(Func<RunOutcome?> ended)
    {
        try
        {
            if (ended() is { } outcome)
            {
                _outcome.TrySetResult(outcome);
            }
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Log($"Whether the run has ended already cannot be read: {error.Message}");
        }
    }

    public async Task<CheckpointFetched> FetchAsync(FetchCheckpoint fetch)
    {
        var source = new BlobSource
        {
            Address = Endpoint.Parse(fetch.Endpoint).Address,
            Token = _options.Token,
            Tls = _options.Tls,
            ProgressDeadline = _options.Deadlines.Progress,
            Time = Time,
        };
        try
        {
            await CheckpointDownload.FetchAsync(source, fetch.Files, fetch.Directory, CancellationToken.None);
            return new CheckpointFetched(fetch.Step, "");
        }
        catch (Exception error) when (error is IOException or BlobException or UnauthorizedAccessException)
        {
            return new CheckpointFetched(fetch.Step, error.Message);
        }
    }

    /// <summary>Returns when all events have been observed.</summary>
    public async ValueTask DisposeAsync()
    {
        _events.Writer.TryComplete();
        await _observing;
    }

    private async Task ObserveAsync(IRunObserver observer)
    {
        await foreach (var happened in _events.Reader.ReadAllAsync())
        {
            observer.On(happened);
            if (happened is CheckpointWritten checkpoint)
            {
                Prune(observer, checkpoint.Directory);
            }
        }
    }

    private void Prune(IRunObserver observer, string directory)
    {
        try
        {
            _options.AfterCheckpoint?.Invoke(directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            observer.On(new Warning($"Older checkpoints could not be removed: {error.Message}") { Time = Time.GetUtcNow() });
        }
    }
}
