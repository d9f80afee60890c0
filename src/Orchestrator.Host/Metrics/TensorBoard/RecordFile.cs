using System.Buffers.Binary;
using System.Numerics;

namespace Orchestrator.Host.Metrics.TensorBoard;

/// <summary>
/// TensorFlow's record format: each record is its length (8 bytes), the masked CRC-32C of these 8 bytes, the data, and the masked CRC-32C of the
/// data; all little-endian.
/// </summary>
public sealed class RecordFile(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);

    /// <summary>The record is in the operating system's hands when this returns.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        var record = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Masked(record.AsSpan(0, 8)));
        data.CopyTo(record.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), Masked(data));
        _file.Write(record);
        _file.Flush();
    }

    public void Dispose() => _file.Dispose();

    /// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4): of the text "123456789" it is E3069283 hex.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    /// <summary>Rotated and shifted, as the format has it: data that holds its own checksum has a poor one.</summary>
    private static uint Masked(ReadOnlySpan<byte> data) => unchecked(BitOperations.RotateRight(Crc32C(data), 15) + 0xA282EAD8u);
}
