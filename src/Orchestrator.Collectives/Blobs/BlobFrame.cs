using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using Google.Protobuf;
using Grpc.Core;
using Orchestrator.Collectives.Protocol;

namespace Orchestrator.Collectives.Blobs;

/// <summary>A chunk of a blob in a pooled buffer; one object a stream, filled anew for each chunk.</summary>
internal sealed class BlobFrame : IDisposable
{
    private const int HeaderBytes = 9 + 9 + 6;

    public long Offset { get; set; }

    public int Length { get; set; }

    public byte[] Buffer { get; private set; } = ArrayPool<byte>.Shared.Rent(BlobDigest.ChunkBytes);

    public ReadOnlyMemory<byte> Bytes => Buffer.AsMemory(0, Length);

    public static void Serialize(BlobFrame frame, SerializationContext context)
    {
        context.SetPayloadLength(HeaderBytes + frame.Length);
        var writer = context.GetBufferWriter();
        Span<byte> header = stackalloc byte[HeaderBytes];
        header[0] = (1 << 3) | 1;
        BinaryPrimitives.WriteInt64LittleEndian(header[1..], frame.Offset);
        header[9] = (2 << 3) | 1;
        BinaryPrimitives.WriteUInt64LittleEndian(header[10..], XxHash3.HashToUInt64(frame.Bytes.Span, frame.Offset));
        header[18] = (15 << 3) | 2;
        for (var i = 0; i < 5; i++)
        {
            header[19 + i] = (byte)(((frame.Length >> (7 * i)) & 0x7F) | (i < 4 ? 0x80 : 0));
        }

        writer.Write(header);
        writer.Write(frame.Bytes.Span);
        context.Complete();
    }

    /// <summary>Takes a chunk over from the receive buffer.</summary>
    /// <exception cref="InvalidDataException">It is no chunk, or was changed on the way.</exception>
    public BlobFrame Take(ReadOnlySequence<byte> message)
    {
        var header = message.Slice(0, Math.Min(message.Length, HeaderBytes)).ToArray();
        Length = checked((int)message.Length - HeaderBytes);
        if (Length < 0 || Length > Buffer.Length || header[0] != ((1 << 3) | 1) || header[18] != ((15 << 3) | 2))
        {
            throw new InvalidDataException($"a message of {message.Length} bytes is no chunk of a blob");
        }

        Offset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(1));
        message.Slice(HeaderBytes).CopyTo(Buffer);
        if (XxHash3.HashToUInt64(Bytes.Span, Offset) != BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(10)))
        {
            throw new InvalidDataException($"the chunk at byte {Offset} was changed on the way");
        }

        return this;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(Buffer);
        Buffer = [];
    }
}

/// <summary>The gRPC methods of the service Blobs.</summary>
internal static class BlobMethods
{
    private const string Service = "orchestrator.collectives.Blobs";

    private static Marshaller<BlobRequest> Requests { get; } = Marshallers.Create(r => r.ToByteArray(), BlobRequest.Parser.ParseFrom);

    public static Method<BlobRequest, BlobDescription> Describe { get; } = new(
        MethodType.Unary, Service, "Describe", Requests, Marshallers.Create(d => d.ToByteArray(), BlobDescription.Parser.ParseFrom));

    public static Method<BlobRequest, BlobFrame> Outgoing { get; } = new(
        MethodType.ServerStreaming, Service, "Fetch", Requests, Marshallers.Create<BlobFrame>(BlobFrame.Serialize, _ => throw new NotSupportedException()));

    public static Method<BlobRequest, BlobFrame> Incoming(BlobFrame target) => new(
        MethodType.ServerStreaming,
        Service,
        "Fetch",
        Requests,
        Marshallers.Create<BlobFrame>((_, _) => throw new NotSupportedException(), context => target.Take(context.PayloadAsReadOnlySequence())));
}
