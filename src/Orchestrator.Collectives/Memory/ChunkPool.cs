using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Orchestrator.Collectives.Memory;

/// <summary>Native blocks of one size for contributions that wait for their siblings; they are reused, and freed with the pool.</summary>
internal sealed unsafe class ChunkPool(long chunkBytes) : IDisposable
{
    private readonly ConcurrentBag<nint> _free = [];

    public nint Rent() => _free.TryTake(out var block) ? block : (nint)NativeMemory.AlignedAlloc((nuint)chunkBytes, 64);

    public void Return(nint block) => _free.Add(block);

    public void Dispose()
    {
        while (_free.TryTake(out var block))
        {
            NativeMemory.AlignedFree((void*)block);
        }
    }
}
