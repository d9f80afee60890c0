using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Orchestrator.Collectives.Local;

/// <summary>How another process of this host finds a region: the descriptor in its owner, and a number that tells it from any other.</summary>
internal readonly record struct RegionName(int ProcessId, int File, ulong Nonce, long Bytes);

/// <summary>
/// A mapping of shared memory: a header page with the region's number, then the data. The owner's is writable; everybody else maps it
/// read-only, so that a process which sleeps through its own funeral can never write into memory that has moved on.
/// </summary>
internal sealed unsafe class SharedRegion : IDisposable
{
    private const int HeaderBytes = 4096;

    private readonly int _file;
    private nint _base;

    private SharedRegion(RegionName name, int file, nint mapped) => (Name, _file, _base) = (name, file, mapped);

    public RegionName Name { get; }

    public nint Data => _base + HeaderBytes;

    public static SharedRegion Create(string label, long bytes)
    {
        var file = LibC.CreateMemoryFile(label, bytes + HeaderBytes);
        var mapped = LibC.Map(file, bytes + HeaderBytes, LibC.ReadWrite);
        var nonce = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8));
        *(ulong*)mapped = nonce;
        return new SharedRegion(new RegionName(Environment.ProcessId, file, nonce, bytes), file, mapped);
    }

    /// <exception cref="IOException">The owner is gone, or the descriptor is something else by now.</exception>
    public static SharedRegion Open(RegionName name)
    {
        var file = LibC.OpenOf(name.ProcessId, name.File);
        try
        {
            var mapped = LibC.Map(file, name.Bytes + HeaderBytes, LibC.ReadOnly);
            if (*(ulong*)mapped == name.Nonce)
            {
                return new SharedRegion(name, -1, mapped);
            }

            LibC.Unmap(mapped, name.Bytes + HeaderBytes);
            throw new IOException($"Memory {name.File} of process {name.ProcessId} is not the expected one.");
        }
        finally
        {
            LibC.Close(file);
        }
    }

    public void Dispose()
    {
        if (_base != 0)
        {
            LibC.Unmap(_base, Name.Bytes + HeaderBytes);
            _base = 0;
            if (_file >= 0)
            {
                LibC.Close(_file);
            }
        }
    }
}
