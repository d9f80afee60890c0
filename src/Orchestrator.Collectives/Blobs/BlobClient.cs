using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Blobs;

/// <summary>A download failed for good; the message says which blob, from where, and why.</summary>
public sealed class BlobException : Exception
{
    public BlobException()
    {
    }

    public BlobException(string message)
        : base(message)
    {
    }

    public BlobException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>Where and how to download.</summary>
public sealed record BlobSource
{
    /// <summary>host:port of the <see cref="CollectiveServer"/> that offers the blobs.</summary>
    public required string Address { get; init; }

    public string Token { get; init; } = "";

    public TlsOptions? Tls { get; init; }

    /// <summary>Without a chunk for so long the stream is given up and resumed. Default 5 s.</summary>
    public TimeSpan ProgressDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts without any progress before giving up. Default 5.</summary>
    public int Attempts { get; init; } = 5;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// Downloads blobs. A stream that breaks is taken up where it stopped; a file appears under its name only when complete and its digest
/// was right.
/// </summary>
public sealed class BlobClient(BlobSource source) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<GrpcChannel> _channels = [Channels.Open(source.Address, source.Tls)];

    /// <exception cref="BlobException">There is no such blob, or nobody answers.</exception>
    public async Task<BlobInfo> DescribeAsync(string name, CancellationToken cancellation = default)
    {
        var described = await TryAsync(name, () => 0, () => DescribeOnceAsync(name, cancellation), cancellation);
        return new BlobInfo(described.Name, described.Digest, described.Bytes);
    }

    /// <summary>Downloads into a file, through "path.part" beside it, which a later call goes on with.</summary>
    /// <param name="digest">What the bytes must hash to: "sha256:hex", as <see cref="BlobInfo.Digest"/> says.</param>
    /// <exception cref="BlobException">The blob is not there or is another, or arrived changed; nothing is left under the path then.</exception>
    public async Task FetchFileAsync(string name, string digest, string path, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        var part = path + ".part";
        await using (var file = new FileStream(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.Asynchronous))
        {
            file.Seek(0, SeekOrigin.End);
            await TryAsync(name, () => file.Position, () => ResumeAsync(file), cancellation);
            await file.FlushAsync(cancellation);
        }

        var found = await BlobDigest.OfFileAsync(part, cancellation);
        if (found != digest)
        {
            File.Delete(part);
            throw new BlobException($"Blob '{name}' from {source.Address} arrived as {found}; expected is {digest}. It was deleted: download it again.");
        }

        File.Move(part, path, overwrite: true);

        async Task<bool> ResumeAsync(FileStream file)
        {
            await foreach (var chunk in ChunksAsync(name, digest, file.Position, cancellation))
            {
                await file.WriteAsync(chunk.Bytes, cancellation);
                progress?.Report(file.Position);
            }

            return true;
        }
    }

    /// <summary>Downloads live state into native memory, in the order in which it was offered.</summary>
    /// <exception cref="BlobException">Not there, of another size, withdrawn, or changed; the targets' content is then undefined.</exception>
    public async Task FetchStateAsync(BlobInfo info, IReadOnlyList<FloatBuffer> targets, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        if (targets.Sum(target => target.Bytes) is var room && room != info.Bytes)
        {
            throw new BlobException($"Blob '{info.Name}' from {source.Address} has {info.Bytes} bytes; the target has room for {room}.");
        }

        long done = 0;
        await TryAsync(info.Name, () => done, FillAsync, cancellation);
        if (BlobDigest.OfState(targets) is var found && found != info.Digest)
        {
            throw new BlobException($"Blob '{info.Name}' from {source.Address} arrived as {found}; expected is {info.Digest}.");
        }

        async Task<bool> FillAsync()
        {
            await foreach (var chunk in ChunksAsync(info.Name, info.Digest, done, cancellation))
            {
                done += StateBlob.Move(targets, chunk.Offset, chunk.Buffer.AsSpan(0, chunk.Length), (native, managed) => managed.CopyTo(native));
                progress?.Report(done);
            }

            return true;
        }
    }

    public void Dispose() => _channels.ForEach(channel => channel.Dispose());

    private CallInvoker Invoker()
    {
        lock (_gate)
        {
            return _channels[^1].CreateCallInvoker();
        }
    }

    /// <summary>A connection that is silent may be dead without anybody having said so: the next attempt takes another.</summary>
    private void Reconnect()
    {
        lock (_gate)
        {
            _channels.Add(Channels.Open(source.Address, source.Tls));
        }
    }

    private async Task<BlobDescription> DescribeOnceAsync(string name, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(source.ProgressDeadline, source.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        var options = new CallOptions(TokenCheck.Headers(source.Token), cancellationToken: both.Token);
        return await Invoker().AsyncUnaryCall(BlobMethods.Describe, null, options, new BlobRequest { Name = name });
    }

    private async IAsyncEnumerable<BlobFrame> ChunksAsync(
        string name, string digest, long offset, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(source.ProgressDeadline, source.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        using var frame = new BlobFrame();
        var options = new CallOptions(TokenCheck.Headers(source.Token), cancellationToken: both.Token);
        var request = new BlobRequest { Name = name, Digest = digest, Offset = offset };
        using var stream = Invoker().AsyncServerStreamingCall(BlobMethods.Incoming(frame), null, options, request);
        while (await stream.ResponseStream.MoveNext(both.Token))
        {
            if (frame.Offset != offset)
            {
                throw new BlobException($"Blob '{name}' from {source.Address}: bytes from {frame.Offset} came where {offset} was next.");
            }

            offset += frame.Length;
            yield return frame;
            patience.CancelAfter(source.ProgressDeadline);
        }
    }

    /// <summary>Repeats while the failure may pass and there is progress.</summary>
    private async Task<T> TryAsync<T>(string name, Func<long> position, Func<Task<T>> work, CancellationToken cancellation)
    {
        for (var (attempt, reached) = (1, position()); ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (Exception error) when (error is RpcException or OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                (attempt, reached) = position() > reached ? (1, position()) : (attempt, reached);
                if (attempt >= source.Attempts || (error is RpcException refusal && IsFinal(refusal.StatusCode)))
                {
                    throw new BlobException($"Blob '{name}' from {source.Address}, after {position()} bytes: {Reason(error)}", error);
                }

                if (IsSilence(error))
                {
                    Reconnect();
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50 << Math.Min(attempt, 5)), source.Time, cancellation);
        }
    }

    private static bool IsFinal(StatusCode code) => code
        is StatusCode.NotFound or StatusCode.FailedPrecondition or StatusCode.Unauthenticated or StatusCode.Aborted or StatusCode.Unimplemented;

    /// <summary>The deadline of this client ended the call, nobody else.</summary>
    private static bool IsSilence(Exception error) => error is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled };

    private string Reason(Exception error) => !IsSilence(error) && error is RpcException rpc
        ? IsFinal(rpc.StatusCode) ? rpc.Status.Detail : $"the connection failed ({rpc.StatusCode})."
        : $"nothing came for {source.ProgressDeadline.TotalSeconds:0.#} s.";
}
