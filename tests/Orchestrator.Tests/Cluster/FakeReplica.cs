using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster;

/// <summary>What a test does to the replicas of a run, and what it sees of them.</summary>
internal sealed class FakeWorld
{
    /// <summary>Called before each leaf, off the actors: (worker, step, leaf). May wait, throw, or change what the leaf gives.</summary>
    public Func<string, long, int, CancellationToken, Task>? BeforeLeaf { get; set; }

    public Func<string, long, int, float, float>? Distort { get; set; }

    public Func<string, long, ulong, ulong>? DistortDigest { get; set; }

    public Func<string, CancellationToken, Task>? BeforeSave { get; set; }

    public Func<string, int, CancellationToken, Task>? BeforeEvaluation { get; set; }

    public Func<string, CancellationToken, Task>? BeforeCreate { get; set; }

    /// <summary>Every leaf that was computed: (worker, step, leaf).</summary>
    public ConcurrentQueue<(string Worker, long Step, int Leaf)> Computed { get; } = [];

    /// <summary>Every leaf of a set that was evaluated, the reference's pass included.</summary>
    public ConcurrentQueue<(long Step, string Set, int Leaf)> Evaluated { get; } = [];

    /// <summary>Every prompt that was answered, or that it was tried for.</summary>
    public ConcurrentQueue<(string Worker, long Step, string Set, int Row)> Sampled { get; } = [];

    /// <summary>Workers that were told to be warm before they are ready.</summary>
    public ConcurrentQueue<string> WarmedUp { get; } = [];

    public int RowThatFails { get; set; } = -1;

    public ConcurrentDictionary<string, FakeReplica> Replicas { get; } = [];

    public IReplicaFactory FactoryFor(string worker) => new Factory(this, worker);

    private sealed class Factory(FakeWorld world, string worker) : IReplicaFactory
    {
        public async Task<IReplica> CreateAsync(Job job, IReadOnlyDictionary<string, string> files, IBufferProvider memory, CancellationToken cancellation)
        {
            if (world.BeforeCreate is { } before)
            {
                await before(worker, cancellation);
            }

            var replica = new FakeReplica(world, worker, job, files, memory);
            world.Replicas[worker] = replica;
            return replica;
        }
    }
}

/// <summary>
/// A replica of a few floats that keeps every promise of <see cref="IReplica"/>: sums along the canonical tree, node sums kept for a retry,
/// nothing applied before the commit, digests as the real one chains them.
/// </summary>
internal sealed class FakeReplica : IReplica
{
    private const int Floats = 37;
    private const float Rate = 0.05f;

    private readonly FakeWorld _world;
    private readonly string _worker;
    private readonly BatchPlan _plan;
    private readonly Job _job;
    private readonly FloatBuffer _weights;
    private readonly FloatBuffer _result;
    private readonly FloatBuffer[] _nodes;
    private readonly Dictionary<int, (float[] Gradient, LeafSums Sums)> _leaves = [];
    private long _leavesOf = -1;
    private StagedStep? _staged;

    public FakeReplica(FakeWorld world, string worker, Job job, IReadOnlyDictionary<string, string> files, IBufferProvider memory)
    {
        (_world, _worker, _job, _plan) = (world, worker, job, job.Plan.ToPlan());
        _weights = memory.Allocate("weights", Floats);
        _result = memory.Allocate("result", Floats);
        _nodes = [.. Enumerable.Range(0, _plan.LeavesInStep(0)).Select(i => memory.Allocate($"node {i}", Floats))];
        MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(files["model/weights.bin"])).CopyTo(_weights.Span);
        AppliedStep = job.StartStep;
        StateDigest = job.StateDigest ?? XxHash3.HashToUInt64(MemoryMarshal.AsBytes(_weights.Span));
    }

    public long AppliedStep { get; private set; }

    public ulong StateDigest { get; private set; }

    public ImmutableArray<(string Name, FloatBuffer Buffer)> State => [("weights", _weights)];

    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(_weights.Span)));

    public static byte[] InitialWeights => MemoryMarshal.AsBytes<float>(Enumerable.Range(0, Floats).Select(i => 0.1f * i - 1.7f).ToArray()).ToArray();

    public Task WarmUpAsync(CancellationToken cancellation)
    {
        _world.WarmedUp.Enqueue(_worker);
        return Task.CompletedTask;
    }

    public async Task<StagedStep> ComputeAsync(StepWork work, IGradientExchange exchange, CancellationToken cancellation)
    {
        Assert.Equal(AppliedStep, work.Id.Step);
        if (_leavesOf != work.Id.Step)
        {
            (_leavesOf, _staged) = (work.Id.Step, null);
            _leaves.Clear();
        }

        var mine = work.Deal.LeavesOf(work.Rank).ToList();
        var bad = new List<int>();
        foreach (var leaf in mine)
        {
            if (!_leaves.TryGetValue(leaf, out var known) || known.Gradient.Any(g => !float.IsFinite(g)))
            {
                await ComputeLeafAsync(work.Id.Step, leaf, cancellation);
            }

            if (_leaves[leaf].Gradient.Any(g => !float.IsFinite(g)))
            {
                bad.Add(leaf);
            }
        }

        _staged = null;
        var tree = new CanonicalTree(work.Leaves);
        var nodes = Enumerable.Range(0, work.Deal.WorldSize).Select(rank => tree.WholeNodes(work.Deal.LeavesOf(rank))).ToList();
        var sums = nodes[work.Rank].Select((node, i) =>
        {
            Sum(tree, node).CopyTo(_nodes[i].Span);
            return _nodes[i];
        }).ToList();
        exchange.OwnPartDone();
        await exchange.AllReduceAsync(work.Id, 0, tree, nodes, sums, _result, cancellation);
        var digest = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(_result.Span));
        var finite = !_result.Span.ContainsAnyExceptInRange(float.MinValue, float.MaxValue);
        var norm = Math.Sqrt(_result.Span.ToArray().Sum(g => (double)g * g)) / _plan.PairsInStep(work.Id.Step);
        digest = _world.DistortDigest?.Invoke(_worker, work.Id.Step, digest) ?? digest;
        return _staged = new StagedStep(work.Id, digest, finite, [.. bad], norm, Rate, [.. mine.Select(leaf => _leaves[leaf].Sums)], StateDigest);
    }

    public Task ApplyAsync(StepId id, CancellationToken cancellation)
    {
        if (_staged is not { } staged || staged.Id != id)
        {
            throw new InvalidOperationException($"{id} is to be applied, and {_staged?.Id} is staged.");
        }

        for (var i = 0; staged.Finite && i < Floats; i++)
        {
            _weights.Span[i] -= Rate * (_result.Span[i] / _plan.PairsInStep(id.Step));
        }

        StateDigest = Chain(StateDigest, staged.Finite ? staged.GradientDigest : 0, id.Step);
        (_staged, AppliedStep) = (null, id.Step + 1);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<LeafSums>> EvaluateAsync(string split, ImmutableArray<LeafRange> leaves, CancellationToken cancellation)
    {
        foreach (var leaf in leaves.SelectMany(range => range.Leaves))
        {
            await (_world.BeforeEvaluation?.Invoke(_worker, leaf, cancellation) ?? Task.CompletedTask);
            _world.Evaluated.Enqueue((AppliedStep, split, leaf));
        }

        return [.. leaves.SelectMany(range => range.Leaves).Select(leaf => new LeafSums(leaf, [new MetricSum("loss", _weights.Span[leaf % Floats] * 2, 2)]))];
    }

    public Task<IReadOnlyList<PromptSample>> SampleAsync(string split, ImmutableArray<int> rows, CancellationToken cancellation)
    {
        _world.Sampled.Enqueue((_worker, AppliedStep, split, Assert.Single(rows)));
        return rows[0] == _world.RowThatFails
            ? throw new ArithmeticException("The highest logit is infinite.")
            : Task.FromResult<IReadOnlyList<PromptSample>>([new PromptSample(rows[0], [BitConverter.SingleToInt32Bits(_weights.Span[rows[0]]), rows[0]], rows[0] % 2 == 0 ? [rows[0]] : null)]);
    }

    public async Task<string> SaveAsync(string directory, long term, CancellationToken cancellation)
    {
        await (_world.BeforeSave?.Invoke(_worker, cancellation) ?? Task.CompletedTask);
        Directory.CreateDirectory(directory);
        await File.WriteAllBytesAsync(Path.Combine(directory, "weights.bin"), MemoryMarshal.AsBytes(_weights.Span).ToArray(), cancellation);
        await File.WriteAllTextAsync(Path.Combine(directory, "state.txt"), $"{AppliedStep} {StateDigest} {term}", cancellation);
        return Sha256;
    }

    public Task RefreshStateAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task AdoptAsync(long appliedStep, ulong stateDigest, CancellationToken cancellation)
    {
        (AppliedStep, StateDigest, _staged, _leavesOf) = (appliedStep, stateDigest, null, -1);
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static ulong Chain(ulong previous, ulong gradient, long step)
    {
        Span<byte> link = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(link, previous);
        BinaryPrimitives.WriteUInt64LittleEndian(link[8..], gradient);
        BinaryPrimitives.WriteInt64LittleEndian(link[16..], step);
        return XxHash3.HashToUInt64(link);
    }

    private async Task ComputeLeafAsync(long step, int leaf, CancellationToken cancellation)
    {
        await (_world.BeforeLeaf?.Invoke(_worker, step, leaf, cancellation) ?? Task.CompletedTask);
        cancellation.ThrowIfCancellationRequested();
        var gradient = new float[Floats];
        var pairs = _plan.PairsOf(step, leaf);
        foreach (var pair in pairs)
        {
            for (var i = 0; i < Floats; i++)
            {
                gradient[i] += ((pair * 31 + i * 7) % 97 - 48) * 0.013f + 0.3f * _weights.Span[i];
            }
        }

        if (_world.Distort is { } distort)
        {
            gradient[0] = distort(_worker, step, leaf, gradient[0]);
        }

        _world.Computed.Enqueue((_worker, step, leaf));
        _leaves[leaf] = (gradient, new LeafSums(leaf, [new MetricSum("loss", gradient.Sum(g => (double)Math.Abs(g)), pairs.Length), new MetricSum("num_tokens", pairs.Length * 10, 0)]));
    }

    private float[] Sum(CanonicalTree tree, TreeNode node)
    {
        if (node.Height == 0)
        {
            return _leaves[node.Index].Gradient;
        }

        var left = Sum(tree, node.Left);
        return tree.Exists(node.Right) ? [.. left.Zip(Sum(tree, node.Right), (a, b) => a + b)] : left;
    }
}
