using System.Buffers;
using System.IO.Hashing;
using Grpc.Core;

namespace Orchestrator.Collectives.Wire;

/// <summary>Takes frames as they arrive, while their bytes still lie in the receive buffer.</summary>
internal interface IFrameSink
{
    void Receive(in FrameHeader header, ReadOnlySpan<byte> payload);

    /// <summary>What arrived is no frame, or its digest does not fit.</summary>
    void ReceiveBroken(string reason);
}

/// <summary>What a stream yields after the sink has taken the frame: nothing. The work is done inside deserialization, without a copy.</summary>
internal sealed class IncomingFrame
{
    public static readonly IncomingFrame Taken = new();

    public static IncomingFrame Deliver(DeserializationContext context, IFrameSink sink)
    {
        var message = context.PayloadAsReadOnlySequence();
        try
        {
            var header = FrameCodec.Read(message, out var digest, out var payload);
            var rented = payload.IsSingleSegment ? null : ArrayPool<byte>.Shared.Rent((int)payload.Length);
            var bytes = rented is null ? payload.FirstSpan : Copy(payload, rented);
            if (XxHash3.HashToUInt64(bytes, FrameCodec.Seed(header)) == digest)
            {
                sink.Receive(header, bytes);
            }
            else
            {
                sink.ReceiveBroken($"its digest does not fit its {payload.Length} bytes of payload: they were changed on the way");
            }

            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
        catch (Exception error) when (error is InvalidDataException or OverflowException)
        {
            sink.ReceiveBroken(error.Message);
        }

        return Taken;
    }

    private static ReadOnlySpan<byte> Copy(ReadOnlySequence<byte> payload, byte[] target)
    {
        payload.CopyTo(target);
        return target.AsSpan(0, (int)payload.Length);
    }
}
