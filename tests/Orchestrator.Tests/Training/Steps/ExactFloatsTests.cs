using Orchestrator.Core;
using Orchestrator.Training.Steps;

namespace Orchestrator.Tests.Training.Steps;

public sealed class ExactFloatsTests
{
    [Fact]
    public void Doubles_come_back_to_the_last_bit_from_parts_that_bf16_holds()
    {
        var random = new SplitMix64(1);
        double[] values = [0, -1, Math.PI, -123.456789012345678, 1e-9, 255.99999999999997, .. Enumerable.Range(0, 5000).Select(_ => (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(20) - 8))];
        var floats = new float[values.Length * ExactFloats.Parts];
        ExactFloats.Split(values, floats);
        Assert.All(floats, value => Assert.Equal(0, BitConverter.SingleToInt32Bits(value) & 0xFFFF));
        Assert.Equal(values, ExactFloats.Join(floats));
    }
}
