namespace Orchestrator.Training.Steps;

/// <summary>
/// Doubles as sums of floats that even a bf16 wire carries unchanged: each part has the 8 leading bits of what is left. Adding zeros changes none.
/// </summary>
internal static class ExactFloats
{
    /// <summary>8 bits each make more than a double's 53.</summary>
    public const int Parts = 8;

    /// <summary>Parts of a value that a float holds: 3 times 8 bits are its 24.</summary>
    public const int PartsOfFloat = 3;

    private const int Bfloat16Bits = unchecked((int)0xFFFF0000);

    /// <param name="floats">As many <paramref name="parts"/> for each value; finite values beyond the range of a float become infinite.</param>
    public static void Split(ReadOnlySpan<double> values, Span<float> floats, int parts = Parts)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var rest = values[i];
            for (var part = 0; part < parts; part++)
            {
                var leading = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits((float)rest) & Bfloat16Bits);
                floats[i * parts + part] = leading;
                rest -= leading;
            }
        }
    }

    public static double[] Join(ReadOnlySpan<float> floats, int parts = Parts)
    {
        var values = new double[floats.Length / parts];
        for (var i = 0; i < floats.Length; i++)
        {
            values[i / parts] += floats[i];
        }

        return values;
    }
}
