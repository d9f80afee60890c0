using System.Buffers;
using System.IO.Hashing;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>What can happen to frames on their way.</summary>
internal static class Tampering
{
    public static FrameHeader HeaderOf(byte[] message) => FrameCodec.Read(new ReadOnlySequence<byte>(message), out _, out _);

    /// <summary>Changes the n-th chunk of a kind and passes everything else as it is.</summary>
    public static Tamper Nth(FrameKind kind, int n, Func<byte[], IReadOnlyList<byte[]>> change)
    {
        var seen = 0;
        return (message, _) => ValueTask.FromResult(HeaderOf(message).Kind == kind && seen++ == n ? change(message) : [message]);
    }

    public static IReadOnlyList<byte[]> Corrupt(byte[] message)
    {
        message[^1000] ^= 0x10;
        return [message];
    }

    public static IReadOnlyList<byte[]> Truncate(byte[] message) => [message[..^1000]];

    public static IReadOnlyList<byte[]> Lose(byte[] _) => [];

    public static IReadOnlyList<byte[]> Twice(byte[] message) => [message, message];

    /// <summary>Puts the message under another header, with a digest that fits.</summary>
    public static byte[] Under(FrameHeader header, byte[] message)
    {
        _ = FrameCodec.Read(new ReadOnlySequence<byte>(message), out _, out var payload);
        var bytes = new byte[FrameCodec.HeaderBytes + payload.Length];
        FrameCodec.Write(header, (int)payload.Length, bytes);
        payload.CopyTo(bytes.AsSpan(FrameCodec.HeaderBytes));
        FrameCodec.WriteDigest(bytes, XxHash3.HashToUInt64(bytes.AsSpan(FrameCodec.HeaderBytes), FrameCodec.Seed(header)));
        return bytes;
    }

    public static byte[] OfEarlierStep(byte[] message)
    {
        var header = HeaderOf(message);
        return Under(header with { Key = header.Key with { Id = header.Key.Id with { Step = header.Key.Id.Step - 1 } } }, message);
    }

    public static byte[] OfEarlierGeneration(byte[] message)
    {
        var header = HeaderOf(message);
        return Under(header with { Key = header.Key with { Id = header.Key.Id with { Generation = header.Key.Id.Generation - 1 } } }, message);
    }

    /// <summary>Chunks come in another order: always the later of two first.</summary>
    public static Tamper Swapping(FrameKind kind)
    {
        byte[]? held = null;
        return (message, _) =>
        {
            if (HeaderOf(message).Kind == kind && held is null)
            {
                held = message;
                return ValueTask.FromResult<IReadOnlyList<byte[]>>([]);
            }

            IReadOnlyList<byte[]> passed = held is null ? [message] : [message, held];
            held = null;
            return ValueTask.FromResult(passed);
        };
    }
}
