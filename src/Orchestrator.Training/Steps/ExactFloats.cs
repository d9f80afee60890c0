namespace Orchestrator.Training.Steps;

/// <summary>
/// Doubles as sums of floats that even a bf16 wire carries unchanged: each part has the 8 leading bits of what is left. Adding zeros changes none.
/// </summary>
internal static class ExactFloats
{
    /// <summary>8 bits each make more than a double's 53.</summary>
    public const int Parts = 8;

    private const int Bfloat16Bits = unchecked((int)0xFFFF0000);

    /// <param name="floats"><see cref="Parts"/> for each value; finite values beyond the range of a float become infinite.</param>
    public static void Split(ReadOnlySpan<double> values, Span<float> floats)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var rest = values[i];
            for (var part = 0; part < Parts; part++)
            {
                var leading = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits((float)rest) & Bfloat16Bits);
                floats[i * Parts + part] = leading;
                rest -= leading;
            }
        }
    }

    public static double[] Join(ReadOnlySpan<float> floats)
    {
        var values = new double[floats.Length / Parts];
        for (var i = 0; i < floats.Length; i++)
        {
            values[i / Parts] += floats[i];
        }

        return values;
    }
}
