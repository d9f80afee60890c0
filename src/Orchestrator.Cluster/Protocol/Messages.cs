using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Messages;

/// <summary>The wire's form of a <see cref="Core.StepId"/>.</summary>
public sealed partial class StepId
{
    public static implicit operator Core.StepId(StepId id) => new(id.Term, id.Generation, id.Step, id.Attempt);

    public static implicit operator StepId(Core.StepId id) =>
        new() { Term = id.Term, Generation = id.Generation, Step = id.Step, Attempt = id.Attempt };
}

/// <summary>Leaves in the wire's form.</summary>
public sealed partial class Leaves
{
    public static Leaves Of(IEnumerable<Core.LeafRange> ranges)
    {
        var leaves = new Leaves();
        leaves.Ranges.AddRange(ranges.Select(range => new LeafRange { Start = range.Start, Count = range.Count }));
        return leaves;
    }

    public IEnumerable<int> All => Ranges.SelectMany(range => Enumerable.Range(range.Start, range.Count));
}

public sealed partial class ComputeStep
{
    /// <summary>A deal as <see cref="PackedDeal"/> carries it: whole numbers, as protobuf writes them.</summary>
    public static ByteString Pack(Deal deal)
    {
        ArgumentNullException.ThrowIfNull(deal);
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            foreach (var ranges in deal.Ranks)
            {
                output.WriteInt32(ranges.Length);
                foreach (var range in ranges)
                {
                    output.WriteInt32(range.Start);
                    output.WriteInt32(range.Count);
                }
            }
        }

        return ByteString.CopyFrom(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    public Deal ToDeal()
    {
        var (ranks, input) = (ImmutableArray.CreateBuilder<ImmutableArray<Core.LeafRange>>(), PackedDeal.CreateCodedInput());
        while (!input.IsAtEnd)
        {
            ranks.Add([.. Read(input)]);
        }

        return new Deal(ranks.ToImmutable());
    }

    /// <summary>Leaves of the rank that the message is for; those of the others are passed over.</summary>
    public ImmutableArray<Core.LeafRange> OwnRanges()
    {
        var input = PackedDeal.CreateCodedInput();
        for (var rank = 0; rank < Rank; rank++)
        {
            for (var left = 2 * input.ReadInt32(); left > 0; left--)
            {
                _ = input.ReadInt32();
            }
        }

        return [.. Read(input)];
    }

    public IEnumerable<int> OwnLeaves() => OwnRanges().SelectMany(range => range.Leaves);

    private static IEnumerable<Core.LeafRange> Read(CodedInputStream input)
    {
        for (var left = input.ReadInt32(); left > 0; left--)
        {
            yield return new Core.LeafRange(input.ReadInt32(), input.ReadInt32());
        }
    }
}

/// <summary>The wire's form of a <see cref="PromptSample"/>.</summary>
public sealed partial class Sample
{
    public static Sample Of(PromptSample sample)
    {
        var packed = new Sample { Row = sample.Row, HasReference = sample.Reference is not null };
        packed.Policy.AddRange(sample.Policy);
        packed.Reference.AddRange(sample.Reference ?? []);
        return packed;
    }

    public PromptSample ToSample() => new(Row, [.. Policy], HasReference ? [.. Reference] : null);
}

/// <summary>The wire's form of an <see cref="EvaluationHistory"/>.</summary>
public sealed partial class Seen
{
    public static Seen Of(EvaluationHistory history)
    {
        var seen = new Seen { Evaluated = history.Evaluated, BestStep = history.BestStep, WithoutGain = history.WithoutGain };
        if (history.Best is { } best)
        {
            seen.Best = best;
        }

        return seen;
    }

    public EvaluationHistory ToHistory() => new(Evaluated, BestStep, HasBest ? Best : null, WithoutGain);
}

/// <summary>Metric sums by leaf, names written once.</summary>
public sealed partial class Sums
{
    /// <exception cref="InvalidDataException">The leaves do not all have the same metrics in the same order.</exception>
    public static Sums Of(IEnumerable<LeafSums> leaves)
    {
        var packed = new Sums();
        foreach (var leaf in leaves)
        {
            if (packed.Leaves.Count == 0)
            {
                packed.Names.AddRange(leaf.Sums.Select(sum => sum.Name));
            }
            else if (!packed.Names.SequenceEqual(leaf.Sums.Select(sum => sum.Name)))
            {
                throw new InvalidDataException($"Leaf {leaf.Leaf} has metrics [{string.Join(", ", leaf.Sums.Select(s => s.Name))}]; leaf {packed.Leaves[0]} has [{string.Join(", ", packed.Names)}].");
            }

            packed.Leaves.Add(leaf.Leaf);
            packed.Values.AddRange(leaf.Sums.Select(sum => sum.Sum));
            packed.Weights.AddRange(leaf.Sums.Select(sum => sum.Weight));
        }

        return packed;
    }

    public ImmutableArray<LeafSums> ToLeafSums() => [.. Leaves.Select((leaf, row) => new LeafSums(
        leaf, [.. Names.Select((name, column) => new MetricSum(name, Values[row * Names.Count + column], Weights[row * Names.Count + column]))]))];
}

/// <summary>What all commands have in common.</summary>
public static class CommandFacts
{
    /// <summary>The term of the coordinator that speaks.</summary>
    public static long Term(IMessage message) => message switch
    {
        WhereAreYou m => m.Term,
        TakeJob m => m.Term,
        Goodbye m => m.Term,
        FormGroup m => m.Term,
        ComputeStep m => m.Id.Term,
        Commit m => m.Term,
        Abort m => m.Id.Term,
        Evaluate m => m.Term,
        Save m => m.Term,
        ReleaseSave m => m.Term,
        OfferState m => m.Term,
        FetchState m => m.Term,
        _ => -1,
    };

    /// <summary>The last committed step, as the command names it; null where it names none.</summary>
    public static Committed? Committed(IMessage message) => message switch
    {
        WhereAreYou m => m.Committed,
        FormGroup m => m.Committed,
        ComputeStep m => m.Committed,
        Commit m => m.Committed,
        Evaluate m => m.Committed,
        Save m => m.Committed,
        OfferState m => m.Committed,
        _ => null,
    };
}
