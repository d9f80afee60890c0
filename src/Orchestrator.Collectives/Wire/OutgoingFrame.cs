using System.Buffers;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Grpc.Core;
using Orchestrator.Collectives.Memory;

namespace Orchestrator.Collectives.Wire;

/// <summary>
/// The frame a sender is about to write; one object a stream, filled anew for each. Its payload is either floats of the caller's
/// buffer, read (and rounded) while the message is written, or a few bytes of its own.
/// </summary>
internal sealed class OutgoingFrame
{
    public FrameHeader Header { get; set; }

    /// <summary>First float of the payload, in memory that stays valid until the message is written; 0 where there is none.</summary>
    public nint Floats { get; set; }

    /// <summary>The payload where it is not floats.</summary>
    public ReadOnlyMemory<byte> Text { get; set; }

    public static void Serialize(OutgoingFrame frame, SerializationContext context)
    {
        var payloadBytes = frame.Floats == 0 ? frame.Text.Length : frame.Header.PayloadBytes;
        context.SetPayloadLength(FrameCodec.HeaderBytes + payloadBytes);
        frame.WriteTo(context.GetBufferWriter(), payloadBytes);
        context.Complete();
    }

    /// <summary>Header, then payload. The digest stands before what it covers, so floats are read twice; the second time from cache.</summary>
    internal unsafe void WriteTo(IBufferWriter<byte> writer, int payloadBytes)
    {
        Span<byte> header = stackalloc byte[FrameCodec.HeaderBytes];
        FrameCodec.Write(Header, payloadBytes, header);
        var seed = FrameCodec.Seed(header);
        if (Floats == 0)
        {
            FrameCodec.WriteDigest(header, XxHash3.HashToUInt64(Text.Span, seed));
            writer.Write(header);
            writer.Write(Text.Span);
        }
        else if (Header.Encoding == WireType.Fp32)
        {
            var payload = new ReadOnlySpan<byte>((void*)Floats, payloadBytes);
            FrameCodec.WriteDigest(header, XxHash3.HashToUInt64(payload, seed));
            writer.Write(header);
            writer.Write(payload);
        }
        else
        {
            WriteHalves(writer, header, seed);
        }
    }

    private unsafe void WriteHalves(IBufferWriter<byte> writer, Span<byte> header, long seed)
    {
        var halves = ArrayPool<ushort>.Shared.Rent((int)Header.Count);
        fixed (ushort* target = halves)
        {
            Bfloat16.Encode((float*)Floats, target, Header.Count);
        }

        var payload = MemoryMarshal.AsBytes(halves.AsSpan(0, (int)Header.Count));
        FrameCodec.WriteDigest(header, XxHash3.HashToUInt64(payload, seed));
        writer.Write(header);
        writer.Write(payload);
        ArrayPool<ushort>.Shared.Return(halves);
    }
}
