using System.Runtime.InteropServices;
using Orchestrator.Core;

namespace Orchestrator.Collectives;

/// <summary>Zeroed native memory of this process, aligned to 64 bytes, of any length; freed with the provider at the latest.</summary>
public sealed class NativeBuffers : IBufferProvider, IDisposable
{
    private const int Alignment = 64;
    private readonly Dictionary<nint, string> _owned = [];

    public unsafe FloatBuffer Allocate(string name, long floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(floats);
        var bytes = checked((nuint)(floats * sizeof(float)));
        var memory = (byte*)NativeMemory.AlignedAlloc(nuint.Max(bytes, Alignment), Alignment);
        for (nuint cleared = 0; cleared < bytes; cleared += 1 << 30)
        {
            NativeMemory.Clear(memory + cleared, nuint.Min(1 << 30, bytes - cleared));
        }

        lock (_owned)
        {
            _owned.Add((nint)memory, name);
        }

        return new FloatBuffer((nint)memory, floats);
    }

    /// <exception cref="ArgumentException">The buffer is not one of <see cref="Allocate"/>, or was released before.</exception>
    public unsafe void Release(FloatBuffer buffer)
    {
        lock (_owned)
        {
            if (!_owned.Remove(buffer.Address))
            {
                throw new ArgumentException($"No buffer of {buffer.Length} floats at 0x{buffer.Address:x} is allocated here.", nameof(buffer));
            }
        }

        NativeMemory.AlignedFree((void*)buffer.Address);
    }

    public unsafe void Dispose()
    {
        lock (_owned)
        {
            foreach (var address in _owned.Keys)
            {
                NativeMemory.AlignedFree((void*)address);
            }

            _owned.Clear();
        }
    }
}
