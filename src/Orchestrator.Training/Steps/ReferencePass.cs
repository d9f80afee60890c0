using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Native;

namespace Orchestrator.Training.Steps;

/// <summary>
/// The reference's log-probabilities of all rows that the run visits, computed once before its first step, by whoever is asked for which rows. At that
/// step the workers tell each other which rows they know, compute what nobody does, and share the values: from then on all hold all of them, and none the reference.
/// </summary>
/// <param name="bucket">First number of a collective that nothing else of a step uses.</param>
internal sealed class ReferencePass(ReplicaParts parts, ReferenceLogps logps, int bucket)
{
    /// <summary>Bits of a whole number that even a bf16 wire carries exactly, so that flags can be added by an all-reduce.</summary>
    private const int FlagsInFloat = 8;

    private readonly ReferenceValues _values = logps.Values!;

    /// <summary>Computes some rows.</summary>
    /// <param name="leaf">Of the pass, whose leaves are runs of the job's <see cref="ReferencePlan.RowsPerLeaf"/> rows.</param>
    public LeafSums Compute(int leaf)
    {
        using var span = parts.Timeline.Span("reference");
        var (perLeaf, tokens) = (parts.Job.Reference!.RowsPerLeaf, 0L);
        for (var place = leaf * perLeaf; place < Math.Min(_values.Count, (leaf + 1) * perLeaf); place++)
        {
            var (set, row) = _values.At(place);
            tokens += logps.Known(set, row).Length;
        }

        return new LeafSums(leaf, [new MetricSum("num_tokens", tokens, 0)]);
    }

    /// <summary>Collective: afterwards this worker knows every row, and where no objective asks for more the reference is out of memory.</summary>
    /// <exception cref="CollectiveException">A peer failed; what is known stays known.</exception>
    public async Task ShareAsync(StepWork work, IGradientExchange exchange, DeviceThread device, CancellationToken cancellation)
    {
        var owners = await OwnersAsync(work, exchange, await device.Run(logps.TakeFromDisk, cancellation), cancellation);
        await device.Run(() => ComputeMissing(work, owners, cancellation), cancellation);
        if (work.Deal.WorldSize > 1)
        {
            await ExchangeAsync(work, exchange, owners, cancellation);
        }

        await device.Run(Finish, cancellation);
    }

    /// <summary>On the device thread, once every row's values are here.</summary>
    public void Finish() => logps.Finish(keepModel: parts.Step.Objective.Needs.Mismatched);

    /// <summary>Of each row the rank that gives its values: the first that knows them; where none does, all in turn.</summary>
    private async Task<int[]> OwnersAsync(StepWork work, IGradientExchange exchange, bool[] known, CancellationToken cancellation)
    {
        var (owners, world) = (new int[known.Length], work.Deal.WorldSize);
        Array.Fill(owners, -1);
        var flags = world == 1 ? Pack(known) : await FlagsAsync(work, exchange, Pack(known), cancellation);
        var (each, missing) = (flags.Length / world, 0);
        for (var place = 0; place < owners.Length; place++)
        {
            for (var rank = 0; rank < world && owners[place] < 0; rank++)
            {
                owners[place] = ((int)flags[rank * each + place / FlagsInFloat] >> (place % FlagsInFloat) & 1) == 1 ? rank : -1;
            }

            owners[place] = owners[place] < 0 ? missing++ % world : owners[place];
        }

        return owners;
    }

    private async Task<float[]> FlagsAsync(StepWork work, IGradientExchange exchange, float[] own, CancellationToken cancellation)
    {
        var all = new float[own.Length * work.Deal.WorldSize];
        own.CopyTo(all, own.Length * work.Rank);
        await AddAsync(work, exchange, bucket, all, cancellation);
        return all;
    }

    private static float[] Pack(bool[] known)
    {
        var flags = new int[(known.Length + FlagsInFloat - 1) / FlagsInFloat];
        for (var place = 0; place < known.Length; place++)
        {
            flags[place / FlagsInFloat] |= (known[place] ? 1 : 0) << (place % FlagsInFloat);
        }

        return [.. flags.Select(bits => (float)bits)];
    }

    private void ComputeMissing(StepWork work, int[] owners, CancellationToken cancellation)
    {
        using var span = parts.Timeline.Span("reference", work.Id.Step);
        for (var place = 0; place < owners.Length; place++)
        {
            if (owners[place] == work.Rank)
            {
                cancellation.ThrowIfCancellationRequested();
                var (set, row) = _values.At(place);
                _ = logps.Known(set, row);
            }
        }
    }

    // Piece by piece: each is all that is held twice, and what came before a failure stays.
    private async Task ExchangeAsync(StepWork work, IGradientExchange exchange, int[] owners, CancellationToken cancellation)
    {
        var most = parts.Options.BucketBytes / sizeof(float) / ExactFloats.PartsOfFloat;
        for (var (first, piece) = (0, 1); first < owners.Length; piece++)
        {
            var (next, length) = (first, 0L);
            while (next < owners.Length && (length == 0 || length + PlaceOf(next).Length <= most))
            {
                length += PlaceOf(next++).Length;
            }

            var numbers = new float[length * ExactFloats.PartsOfFloat];
            Split(work.Rank, owners, first, next, numbers);
            await AddAsync(work, exchange, bucket + piece, numbers, cancellation);
            Join(first, next, numbers);
            first = next;
        }
    }

    private void Split(int rank, int[] owners, int first, int next, Span<float> numbers)
    {
        var at = 0;
        for (var place = first; place < next; place++)
        {
            var values = PlaceOf(place);
            var count = (int)values.Length * ExactFloats.PartsOfFloat;
            if (owners[place] == rank)
            {
                ExactFloats.Split([.. values.Span.ToArray().Select(value => (double)value)], numbers.Slice(at, count), ExactFloats.PartsOfFloat);
            }

            at += count;
        }
    }

    private void Join(int first, int next, ReadOnlySpan<float> numbers)
    {
        var at = 0;
        for (var place = first; place < next; place++)
        {
            var values = PlaceOf(place);
            var count = (int)values.Length * ExactFloats.PartsOfFloat;
            var joined = ExactFloats.Join(numbers.Slice(at, count), ExactFloats.PartsOfFloat);
            for (var i = 0; i < joined.Length; i++)
            {
                values.Span[i] = (float)joined[i];
            }

            at += count;
        }
    }

    private FloatBuffer PlaceOf(int place) => _values.At(place) is var (set, row) ? _values.PlaceOf(set, row)!.Value : default;

    /// <summary>Adds the numbers of all ranks; where all but one are 0, exactly.</summary>
    private async Task AddAsync(StepWork work, IGradientExchange exchange, int number, float[] numbers, CancellationToken cancellation)
    {
        var (mine, sum) = (parts.Memory.Allocate("reference, mine", numbers.Length), parts.Memory.Allocate("reference, all", numbers.Length));
        try
        {
            numbers.CopyTo(mine.Span);
            var ranks = Enumerable.Range(0, work.Deal.WorldSize).Select(rank => ImmutableArray.Create(new TreeNode(0, rank))).ToArray();
            exchange.OwnPartDone();
            await exchange.AllReduceAsync(work.Id, number, new CanonicalTree(ranks.Length), ranks, [mine], sum, cancellation);
            sum.Span.CopyTo(numbers);
        }
        finally
        {
            parts.Memory.Release(mine);
            parts.Memory.Release(sum);
        }
    }
}
