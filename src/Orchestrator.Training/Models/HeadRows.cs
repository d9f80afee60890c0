using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Rows in a rented buffer, until disposed: as long as the vocabulary, or the head's matrix in another type.</summary>
internal sealed class HeadRows : IDisposable
{
    private readonly HeadBuffers _buffers;
    private readonly Tensor? _flat;

    /// <param name="count">0: none, and nothing is rented.</param>
    public HeadRows(HeadBuffers buffers, long count, long vocabulary, ScalarType type, Device device)
    {
        (_buffers, Count) = (buffers, count);
        if (count > 0)
        {
            _flat = buffers.Rent(count * vocabulary, type, device);
            using var used = _flat.narrow(0, 0, count * vocabulary);
            Logits = used.view(count, vocabulary).DetachFromDisposeScope();
            Sums = empty([count, 1], ScalarType.Float32, device).DetachFromDisposeScope();
        }
    }

    public long Count { get; }

    /// <summary>[count, vocabulary].</summary>
    public Tensor Logits { get; } = null!;

    /// <summary>[count, 1] fp32.</summary>
    public Tensor Sums { get; } = null!;

    public void Dispose()
    {
        if (_flat is not null)
        {
            Logits.Dispose();
            Sums.Dispose();
            _buffers.Return(_flat);
        }
    }
}
