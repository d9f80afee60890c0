using Orchestrator.Collectives;
using Orchestrator.Collectives.Memory;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>However a sum is carried out, block by block or past the cache, its bits are those of the additions one after the other.</summary>
public sealed class SummationTests
{
    // 4127 floats: two whole blocks, and a rest that fills no line. Eight terms are read at once at most.
    [Theory]
    [CombinatorialTerms]
    public void Every_total_has_the_bits_of_the_additions_in_their_order(int leaves, int totals, bool streams, int misaligned)
    {
        const int Length = 4127;
        using var memory = new NativeBuffers();
        var additions = new CanonicalTree(leaves).Additions([.. Enumerable.Range(0, leaves).Select(leaf => new TreeNode(0, leaf))]);
        var random = new SplitMix64(leaves);
        var terms = Enumerable.Range(0, leaves).Select(_ => Filled(memory, Length, () => (random.Next(2_000_001) - 1_000_000) * MathF.Pow(10, random.Next(9) - 6))).ToArray();
        var results = Enumerable.Range(0, totals).Select(_ => Filled(memory, Length + 32, () => -1).Slice(16 + misaligned, Length)).ToArray();
        Run(new Summation(additions, RoundTerms: false, RoundTotal: false) { Streams = streams }, terms, results);

        var expected = terms.Select(term => term.Span.ToArray()).ToArray();
        foreach (var (into, from) in additions)
        {
            for (var i = 0; i < Length; i++)
            {
                expected[into][i] += expected[from][i];
            }
        }

        foreach (var result in results)
        {
            Assert.Equal(expected[0].Select(BitConverter.SingleToInt32Bits), result.Span.ToArray().Select(BitConverter.SingleToInt32Bits));
            var around = new FloatBuffer(result.Address - 4, Length + 2).Span;
            Assert.Equal((-1f, -1f), (around[0], around[^1]));
        }
    }

    private static FloatBuffer Filled(NativeBuffers memory, int length, Func<float> value)
    {
        var buffer = memory.Allocate("test", length);
        foreach (ref var place in buffer.Span)
        {
            place = value();
        }

        return buffer;
    }

    private static unsafe void Run(Summation sum, FloatBuffer[] terms, FloatBuffer[] totals) =>
        sum.Run([.. terms.Select(term => new Term(term.Address, Half: false))], [.. totals.Select(total => total.Address)], totals[0].Length);

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CombinatorialTermsAttribute : Xunit.Sdk.DataAttribute
    {
        public override IEnumerable<object[]> GetData(System.Reflection.MethodInfo testMethod) =>
            from leaves in new[] { 1, 2, 3, 4, 5, 7, 8, 9 }
            from totals in new[] { 1, 2, 4 }
            from streams in new[] { false, true }
            from misaligned in new[] { 0, 1 }
            select new object[] { leaves, totals, streams, misaligned };
    }
}
