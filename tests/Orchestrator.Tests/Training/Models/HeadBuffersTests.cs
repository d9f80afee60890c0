using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

public sealed class HeadBuffersTests
{
    [Fact]
    public void Two_renters_never_share_memory_whatever_was_left_in_it()
    {
        using var scope = NewDisposeScope();
        var buffers = new HeadBuffers();
        Tensor[] returned = [.. Enumerable.Range(0, 3).Select(i => buffers.Rent(100 - i % 2, ScalarType.Float32, CPU).fill_(float.NaN))];
        foreach (var buffer in returned.Reverse())
        {
            buffers.Return(buffer);
        }

        Tensor[] rented = [.. Enumerable.Range(0, 3).Select(i => buffers.Rent(100, ScalarType.Float32, CPU))];
        for (var i = 0; i < rented.Length; i++)
        {
            rented[i].fill_(i);
        }

        Assert.Equal([0f, 1f, 2f], rented.Select(buffer => buffer[50].item<float>()));
        Assert.Equal(200, rented.Take(2).Sum(buffer => buffer.size(0)));
    }

    [Fact]
    public void The_smallest_that_fits_is_taken_and_one_that_is_too_small_makes_room()
    {
        using var scope = NewDisposeScope();
        var buffers = new HeadBuffers();
        foreach (var size in new[] { 300, 100, 200 })
        {
            buffers.Return(zeros(size).DetachFromDisposeScope());
        }

        Assert.Equal(200, buffers.Rent(150, ScalarType.Float32, CPU).size(0));
        Assert.Equal(300, buffers.Rent(150, ScalarType.Float32, CPU).size(0));
        Assert.Equal(150, buffers.Rent(150, ScalarType.Float32, CPU).size(0));   // the one of 100 is gone
        Assert.Equal(50, buffers.Rent(50, ScalarType.Float32, CPU).size(0));
        Assert.Equal(ScalarType.BFloat16, buffers.Rent(50, ScalarType.BFloat16, CPU).dtype);
    }
}
