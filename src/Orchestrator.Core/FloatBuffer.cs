namespace Orchestrator.Core;

/// <summary>
/// A run of 32-bit floats in native memory (heap, shared mapping or pinned host memory), of any length. It does not own the memory:
/// whoever allocated it frees it, after everybody who was given it has finished.
/// </summary>
/// <param name="Address">Address of the first float, aligned to 64 bytes where it starts an allocation.</param>
/// <param name="Length">Number of floats; may exceed what a span can hold.</param>
public readonly record struct FloatBuffer(nint Address, long Length)
{
    public long Bytes => Length * sizeof(float);

    public FloatBuffer Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"[{start}, {start}+{length}) is outside a buffer of {Length} floats.");
        }

        return new FloatBuffer(Address + (nint)(start * sizeof(float)), length);
    }

    /// <exception cref="OverflowException">The buffer is longer than a span can be: slice it first.</exception>
    public unsafe Span<float> Span => new((void*)Address, checked((int)Length));
}

/// <summary>Hands out the buffers that take part in collectives. Each is allocated once a run, never once a step.</summary>
public interface IBufferProvider
{
    /// <summary>Zeroed memory, aligned to 64 bytes, which lives as long as the provider.</summary>
    /// <param name="name">Names the buffer in errors and memory plans.</param>
    /// <param name="floats">Length; 0 is allowed.</param>
    FloatBuffer Allocate(string name, long floats);

    /// <summary>Gives back a buffer of <see cref="Allocate"/>; nothing may still read or write it.</summary>
    void Release(FloatBuffer buffer);
}
