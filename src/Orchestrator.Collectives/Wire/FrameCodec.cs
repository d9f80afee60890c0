using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Wire;

/// <summary>
/// A frame's protobuf encoding with every field at a fixed place: 12 fixed-width fields, then the payload's tag and its length as a
/// varint padded to 5 bytes. Reading takes any order and any width protobuf allows.
/// </summary>
internal static class FrameCodec
{
    /// <summary>Bytes before the payload.</summary>
    public const int HeaderBytes = DigestAt + 9 + 6;

    private const int DigestAt = 7 * 5 + 4 * 9;
    private const int PayloadField = 15;
    private const int DigestField = 12;

    /// <summary>Writes everything but the digest and the payload.</summary>
    public static void Write(in FrameHeader header, int payloadBytes, Span<byte> to)
    {
        var id = header.Key.Id;
        var at = 0;
        Fixed32(to, ref at, 1, (uint)header.Kind);
        Fixed64(to, ref at, 2, (ulong)id.Term);
        Fixed32(to, ref at, 3, (uint)id.Generation);
        Fixed64(to, ref at, 4, (ulong)id.Step);
        Fixed32(to, ref at, 5, (uint)id.Attempt);
        Fixed32(to, ref at, 6, (uint)header.Key.Collective);
        Fixed32(to, ref at, 7, (uint)header.Key.Tag);
        Fixed32(to, ref at, 8, (uint)header.Slot);
        Fixed64(to, ref at, 9, (ulong)header.Offset);
        Fixed64(to, ref at, 10, (ulong)header.Count);
        Fixed32(to, ref at, 11, (uint)header.Encoding);
        Fixed64(to, ref at, DigestField, 0);
        to[at++] = (PayloadField << 3) | 2;
        PaddedVarint(to[at..], (uint)payloadBytes);
    }

    public static void WriteDigest(Span<byte> header, ulong digest) => BinaryPrimitives.WriteUInt64LittleEndian(header[(DigestAt + 1)..], digest);

    /// <summary>The seed under which the payload is hashed: the hash of the fields before the digest.</summary>
    public static long Seed(ReadOnlySpan<byte> header) => (long)XxHash3.HashToUInt64(header[..DigestAt]);

    /// <summary>The seed of a header that was read: of its canonical encoding, so that it does not depend on the sender's encoder.</summary>
    public static long Seed(in FrameHeader header)
    {
        Span<byte> bytes = stackalloc byte[HeaderBytes];
        Write(header, 0, bytes);
        return Seed(bytes);
    }

    /// <exception cref="InvalidDataException">The message is not a frame.</exception>
    public static FrameHeader Read(ReadOnlySequence<byte> message, out ulong digest, out ReadOnlySequence<byte> payload)
    {
        Span<ulong> fields = stackalloc ulong[PayloadField];
        fields.Clear();
        payload = ReadOnlySequence<byte>.Empty;
        var reader = new SequenceReader<byte>(message);
        while (!reader.End)
        {
            var tag = Varint(ref reader);
            var (field, value) = ((int)(tag >> 3), Value(ref reader, (int)(tag & 7), out var bytes));
            if (field == PayloadField)
            {
                payload = bytes;
            }
            else if (field is > 0 and < PayloadField)
            {
                fields[field] = value;
            }
        }

        digest = fields[DigestField];
        var id = new StepId((long)fields[2], (int)fields[3], (long)fields[4], (int)fields[5]);
        return new FrameHeader(
            (FrameKind)(int)fields[1],
            new OperationKey(id, (Collective)(int)fields[6], (int)fields[7]),
            (int)fields[8],
            (long)fields[9],
            (long)fields[10],
            (WireType)(int)fields[11]);
    }

    private static ulong Value(ref SequenceReader<byte> reader, int wireType, out ReadOnlySequence<byte> bytes)
    {
        bytes = default;
        switch (wireType)
        {
            case 0:
                return Varint(ref reader);
            case 1 when reader.TryReadLittleEndian(out long wide):
                return (ulong)wide;
            case 2 when reader.TryReadExact(checked((int)Varint(ref reader)), out bytes):
                return 0;
            case 5 when reader.TryReadLittleEndian(out int narrow):
                return (uint)narrow;
            default:
                throw new InvalidDataException("it is not a frame, or is cut short");
        }
    }

    private static ulong Varint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var part))
            {
                break;
            }

            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("it is not a frame, or is cut short");
    }

    private static void Fixed32(Span<byte> to, ref int at, int field, uint value)
    {
        to[at] = (byte)((field << 3) | 5);
        BinaryPrimitives.WriteUInt32LittleEndian(to[(at + 1)..], value);
        at += 5;
    }

    private static void Fixed64(Span<byte> to, ref int at, int field, ulong value)
    {
        to[at] = (byte)((field << 3) | 1);
        BinaryPrimitives.WriteUInt64LittleEndian(to[(at + 1)..], value);
        at += 9;
    }

    private static void PaddedVarint(Span<byte> to, uint value)
    {
        for (var i = 0; i < 4; i++)
        {
            to[i] = (byte)(((value >> (7 * i)) & 0x7F) | 0x80);
        }

        to[4] = (byte)(value >> 28);
    }
}
