using Orchestrator.Collectives.Memory;

namespace Orchestrator.Tests.Collectives;

public sealed unsafe class Bfloat16Tests
{
    // Every upper half, with lower halves just below, at and just above a tie, against the nearest of the two neighbours in double.
    [Fact]
    public void Every_value_goes_to_the_nearest_ties_to_even_and_what_is_no_number_stays_none()
    {
        foreach (var low in new uint[] { 0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF })
        {
            for (uint high = 0; high < 0x10000; high++)
            {
                var value = BitConverter.UInt32BitsToSingle(high << 16 | low);
                var found = Bfloat16.Round(value);
                if (float.IsNaN(value))
                {
                    Assert.True(float.IsNaN(Bfloat16.Widen(found)), $"{high:x4}{low:x4} became {found:x4}");
                    continue;
                }

                var up = low > 0x8000 || (low == 0x8000 && high % 2 == 1);
                Assert.True(found == (up ? high + 1 : high), $"{high:x4}{low:x4} became {found:x4}");
            }
        }

        Assert.Equal(float.PositiveInfinity, Bfloat16.Widen(Bfloat16.Round(float.MaxValue)));
        Assert.Equal(float.NegativeInfinity, Bfloat16.Widen(Bfloat16.Round(float.NegativeInfinity)));
        Assert.Equal(0x8000, Bfloat16.Round(-0f));
        Assert.Equal(0, Bfloat16.Round(float.Epsilon));
    }

    // 32 at once where the processor can, the rest one by one.
    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(77)]
    public void Many_at_once_become_what_each_becomes_alone(int count)
    {
        // As bits: a signalling NaN does not survive being a float of a test.
        uint[] special = [0, 0x80000000, 0x3F800000, 0x7FC00000, 0x7F800001, 0xFF800001, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 1, 0x3F808000, 0x3F818000, 0xC0490FDB];
        uint[] values = [.. Enumerable.Range(0, count).Select(i => special[i * 5 % special.Length])];
        var (encoded, decoded, rounded) = (new ushort[count], new float[count], new float[count]);
        fixed (uint* source = values)
        fixed (float* target = decoded, both = rounded)
        fixed (ushort* half = encoded)
        {
            Bfloat16.Encode((float*)source, half, count);
            Bfloat16.Decode(half, target, count);
            Bfloat16.RoundTo((float*)source, both, count);
        }

        static ushort Alone(uint bits) => (bits & 0x7FFFFFFF) > 0x7F800000 ? (ushort)(bits >> 16 | 0x40) : Bfloat16.Round(BitConverter.UInt32BitsToSingle(bits));
        Assert.Equal(values.Select(Alone), encoded);
        Assert.Equal(values.Select(bits => (uint)Alone(bits) << 16), decoded.Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal(decoded.Select(BitConverter.SingleToUInt32Bits), rounded.Select(BitConverter.SingleToUInt32Bits));
    }
}
