using System.Collections.Immutable;
using System.Text.Json;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Work;

/// <summary>
/// Does a worker's work, outside Akka: owns the replica, the group of the present generation and what is offered to others. It outlives the
/// actor system, so that a worker that was given up for lost can come back with its replica. One piece of work at a time.
/// </summary>
internal sealed class ReplicaDriver : IAsyncDisposable
{
    private readonly WorkerOptions _options;
    private readonly IReplicaFactory _factory;
    private readonly CollectiveServer _server;
    private readonly ShippedCheckpoints _shipped;
    private IReplica? _replica;
    private Job? _job;
    private CollectiveGroup? _group;
    private StateOffer? _offer;
    private int _offers;

    public ReplicaDriver(WorkerOptions options, IReplicaFactory factory, CollectiveServer server)
    {
        (_options, _factory, _server) = (options, factory, server);
        _shipped = new ShippedCheckpoints(server.Blobs, options.CacheDirectory);
    }

    /// <summary>Told when this worker's part of a step is done and it begins to wait for others.</summary>
    public Action<StepId>? LeavesDone { get; set; }

    /// <summary>Never throws: what goes wrong is the result.</summary>
    public async Task<WorkResult> RunAsync(WorkerWork work, CancellationToken cancellation)
    {
        try
        {
            return await DoAsync(work, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new WorkFailed("it was cancelled", Cancelled: true);
        }
        catch (CollectiveException error)
        {
            return new WorkFailed(error.Message, error.Suspect);
        }
        catch (Exception error)
        {
            return new WorkFailed(error.Message, OwnFault: true);
        }
    }

    public void ForgetShipped(long step) => _shipped.Release(step);

    public async ValueTask DisposeAsync()
    {
        _shipped.Dispose();
        await LeaveGroupAsync();
        await WithdrawAsync();
        if (_replica is not null)
        {
            await _replica.DisposeAsync();
        }
    }

    private async Task<WorkResult> DoAsync(WorkerWork work, CancellationToken cancellation) => work switch
    {
        PrepareJob { Command: var job } => await PrepareAsync(job, cancellation),
        MeetGroup { Command: var form } => await MeetAsync(form, cancellation),
        ComputeLeaves { Command: var step } => await ComputeAsync(step, cancellation),
        ApplyStaged { Id: var id } => await ApplyAsync(id),
        EvaluateLeaves { Command: var evaluate } => await EvaluateAsync(evaluate, cancellation),
        SaveState { Command: var save } => await SaveAsync(save, cancellation),
        OfferOwnState { Command: var offer } => await OfferAsync(offer, cancellation),
        AdoptState { Command: var fetch } => await AdoptAsync(fetch, cancellation),
        _ => throw new NotSupportedException($"{work.GetType().Name} is no work."),
    };

    private IReplica Replica => _replica ?? throw new InvalidOperationException("There is no replica yet.");

    private async Task<WorkResult> PrepareAsync(TakeJob command, CancellationToken cancellation)
    {
        var job = JsonSerializer.Deserialize<Job>(command.Job.Span) ?? throw new InvalidDataException("The coordinator's job is empty.");
        var files = await new JobFiles(Source(command.Files), _options.CacheDirectory, line => _options.Log?.Invoke(line)).BringAsync(job, cancellation);
        _replica = await _factory.CreateAsync(job, files, _server.Memory, cancellation);
        _job = job;
        if (command.Running)
        {
            await _replica.WarmUpAsync(cancellation);
            await RehearseAsync(cancellation);
        }

        return Here();
    }

    private async Task RehearseAsync(CancellationToken cancellation)
    {
        try
        {
            await Rehearsal.RunAsync(_server, Group([_server.Endpoint], 0) with { ConnectDeadline = _options.Deadlines.Patience }, cancellation);
        }
        catch (CollectiveException error)
        {
            _options.Log?.Invoke($"The data plane could not be rehearsed: {error.Message}");   // others may reach it all the same
        }
    }

    private async Task<WorkResult> MeetAsync(FormGroup form, CancellationToken cancellation)
    {
        await LeaveGroupAsync();
        var group = Group([.. form.Members.Select(Endpoint.Parse)], form.Rank) with
        {
            Term = form.Term,
            Generation = form.Generation,
            Transport = Enum.Parse<Transport>(form.Transport),
            Wire = Enum.Parse<WireType>(form.Wire),
            Connections = Math.Max(1, form.Connections),
        };
        _group = await CollectiveGroup.ConnectAsync(_server, group, cancellation);
        return Here();
    }

    private GroupOptions Group(ImmutableArray<Endpoint> members, int rank) => new()
    {
        RunId = _job!.RunId,
        Members = members,
        Rank = rank,
        Token = _options.Token,
        Tls = _options.Tls,
        ProgressDeadline = _options.Deadlines.Progress,
        ArrivalDeadline = _options.Deadlines.Work,
        ConnectDeadline = _options.Deadlines.Connect,
        Time = _options.Time,
    };

    private async Task<WorkResult> ComputeAsync(ComputeStep step, CancellationToken cancellation)
    {
        FaultPoint.Reach(FaultPoint.Dealt);
        var deal = step.ToDeal();
        var exchange = new TimedExchange(_group ?? throw new CollectiveException("This worker is in no generation."), _options.Time, () => LeavesDone?.Invoke(step.Id));
        var staged = await Replica.ComputeAsync(new StepWork(step.Id, step.Leaves, deal, step.Rank), exchange, cancellation);
        var vote = new Prepared
        {
            Id = step.Id,
            GradientDigest = staged.GradientDigest,
            Finite = staged.Finite,
            GradientNorm = staged.GradientNorm,
            LearningRate = staged.LearningRate,
            StateDigest = staged.StateDigest,
            Sums = Sums.Of(staged.Sums),
            Computed = step.Id.Attempt == 0 ? deal.LeavesOf(step.Rank).Count() : 0,
            Seconds = exchange.Seconds,
        };
        vote.BadLeaves.AddRange(staged.BadLeaves);
        FaultPoint.Reach(FaultPoint.Staged);
        return new Answer(vote);
    }

    private async Task<WorkResult> ApplyAsync(StepId id)
    {
        await WithdrawAsync();
        FaultPoint.Reach(FaultPoint.Committing);
        await Replica.ApplyAsync(id, CancellationToken.None);   // a commit is not taken back
        FaultPoint.Reach(FaultPoint.Idle);
        return Here();
    }

    private async Task<WorkResult> EvaluateAsync(Evaluate command, CancellationToken cancellation)
    {
        ImmutableArray<LeafRange> leaves = [.. command.Leaves.Select(range => new LeafRange(range.Start, range.Count))];
        if (command.Sample)
        {
            var answer = new LeavesEvaluated { Term = command.Term, Step = command.Step, Set = command.Set, Sample = true };
            answer.Samples.AddRange((await Replica.SampleAsync(command.Set, [.. leaves.SelectMany(range => range.Leaves)], cancellation)).Select(Sample.Of));
            return new Answer(answer);
        }

        FaultPoint.Reach(FaultPoint.Evaluating);
        var sums = await Replica.EvaluateAsync(command.Set, leaves, cancellation);
        return new Answer(new LeavesEvaluated { Term = command.Term, Step = command.Step, Set = command.Set, Sums = Sums.Of(sums) });
    }

    private async Task<WorkResult> SaveAsync(Save save, CancellationToken cancellation)
    {
        var directory = save.Ship ? _shipped.DirectoryFor(save.Step) : save.Directory;
        Directory.CreateDirectory(Path.GetDirectoryName(directory)!);
        var saved = new Saved { Term = save.Term, Step = save.Step, WeightsSha256 = await Replica.SaveAsync(directory, save.Term, cancellation) };
        if (save.Ship)
        {
            saved.Files.AddRange(await _shipped.OfferAsync(save.Step, directory, cancellation));
        }

        return new Answer(saved);
    }

    private async Task<WorkResult> OfferAsync(OfferState command, CancellationToken cancellation)
    {
        await WithdrawAsync();
        await Replica.RefreshStateAsync(cancellation);
        var name = $"state-{command.Term}-{command.Step}-{++_offers}";
        FaultPoint.Reach(FaultPoint.Offering);
        _offer = _server.Blobs.AddState(name, [.. Replica.State.Select(part => part.Buffer)]);
        return new Answer(new StateOffered
        {
            Term = command.Term,
            Step = command.Step,
            Blob = name,
            Digest = _offer.Info.Digest,
            Bytes = _offer.Info.Bytes,
            StateDigest = Replica.StateDigest,
        });
    }

    private async Task<WorkResult> AdoptAsync(FetchState command, CancellationToken cancellation)
    {
        await WithdrawAsync();
        FaultPoint.Reach(FaultPoint.Transferring);
        using var client = new BlobClient(Source(Endpoint.Parse(command.Source).Address));
        var info = new BlobInfo(command.Blob, command.Digest, command.Bytes);
        await client.FetchStateAsync(info, [.. Replica.State.Select(part => part.Buffer)], cancellation: cancellation);
        await Replica.AdoptAsync(command.Step, command.StateDigest, cancellation);
        return Here();
    }

    private AtStep Here() => new(Replica.AppliedStep, Replica.StateDigest, Replica.Compute);

    private BlobSource Source(string address) => new()
    {
        Address = address,
        Token = _options.Token,
        Tls = _options.Tls,
        ProgressDeadline = _options.Deadlines.Progress,
        Time = _options.Time,
    };

    private async Task LeaveGroupAsync()
    {
        if (_group is { } group)
        {
            _group = null;
            await group.DisposeAsync();
        }
    }

    private async Task WithdrawAsync()
    {
        if (_offer is { } offer)
        {
            _offer = null;
            await offer.DisposeAsync();
        }
    }
}
