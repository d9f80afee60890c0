using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Blobs;

/// <summary>What a blob is called, what its bytes hash to, and how many there are.</summary>
/// <param name="Digest">"sha256:" or "xxh3:" and lower-case hex.</param>
public sealed record BlobInfo(string Name, string Digest, long Bytes);

/// <summary>Bytes that can be read from any place.</summary>
internal interface IBlob : IDisposable
{
    /// <summary>Fills as much of <paramref name="target"/> as there is.</summary>
    ValueTask<int> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellation);
}

/// <summary>How digests of blobs are written and computed.</summary>
internal static class BlobDigest
{
    public const int ChunkBytes = 512 * 1024;

    public static string OfSha256(string hex) => "sha256:" + hex.ToLowerInvariant();

    public static async Task<string> OfFileAsync(string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        return "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }

    public static string OfState(IReadOnlyList<FloatBuffer> buffers)
    {
        var hash = new XxHash3();
        foreach (var buffer in buffers)
        {
            for (long at = 0; at < buffer.Length; at += ChunkBytes)
            {
                hash.Append(MemoryMarshal.AsBytes(buffer.Slice(at, Math.Min(ChunkBytes, buffer.Length - at)).Span));
            }
        }

        return "xxh3:" + hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);
    }
}

internal sealed class FileBlob(string path) : IBlob
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file = File.OpenHandle(path, options: FileOptions.Asynchronous);

    public long Bytes => RandomAccess.GetLength(_file);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellation) =>
        RandomAccess.ReadAsync(_file, target, offset, cancellation);

    public void Dispose() => _file.Dispose();
}

/// <summary>Several native buffers read as one run of bytes.</summary>
internal sealed class StateBlob(IReadOnlyList<FloatBuffer> buffers) : IBlob
{
    public ValueTask<int> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellation) =>
        ValueTask.FromResult(Move(buffers, offset, target.Span, (native, managed) => native.CopyTo(managed)));

    public void Dispose()
    {
    }

    /// <summary>Moves bytes [offset, offset + managed.Length), as far as there are any, between the buffers and managed memory.</summary>
    public static unsafe int Move(IReadOnlyList<FloatBuffer> buffers, long offset, Span<byte> managed, SpanMove move)
    {
        var done = 0;
        long start = 0;
        foreach (var buffer in buffers)
        {
            var at = offset + done - start;
            if (at >= 0 && at < buffer.Bytes && done < managed.Length)
            {
                var part = (int)Math.Min(managed.Length - done, buffer.Bytes - at);
                move(new Span<byte>((byte*)buffer.Address + at, part), managed.Slice(done, part));
                done += part;
            }

            start += buffer.Bytes;
        }

        return done;
    }

    public delegate void SpanMove(Span<byte> native, Span<byte> managed);
}
