using Grpc.Core;
using Orchestrator.Collectives.Protocol;

namespace Orchestrator.Collectives.Blobs;

/// <summary>What Grpc.AspNetCore binds <see cref="BlobService"/> by.</summary>
[BindServiceMethod(typeof(BlobServiceBase), nameof(Bind))]
internal abstract class BlobServiceBase
{
    public abstract Task<BlobDescription> Describe(BlobRequest request, ServerCallContext context);

    public abstract Task Fetch(BlobRequest request, IServerStreamWriter<BlobFrame> stream, ServerCallContext context);

    public static void Bind(ServiceBinderBase binder, BlobServiceBase? service)
    {
        binder.AddMethod(BlobMethods.Describe, service is null ? null! : new UnaryServerMethod<BlobRequest, BlobDescription>(service.Describe));
        binder.AddMethod(BlobMethods.Outgoing, service is null ? null! : new ServerStreamingServerMethod<BlobRequest, BlobFrame>(service.Fetch));
    }
}

/// <summary>Serves the catalog's blobs chunk by chunk from any offset.</summary>
internal sealed class BlobService(BlobCatalog catalog) : BlobServiceBase
{
    public override Task<BlobDescription> Describe(BlobRequest request, ServerCallContext context)
    {
        var info = catalog.Describe(request.Name) ?? throw Missing(request);
        return Task.FromResult(new BlobDescription { Name = info.Name, Digest = info.Digest, Bytes = info.Bytes });
    }

    public override async Task Fetch(BlobRequest request, IServerStreamWriter<BlobFrame> stream, ServerCallContext context)
    {
        using var reading = Open(request);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, reading.Withdrawn);
        using var frame = new BlobFrame();
        try
        {
            for (frame.Offset = request.Offset; frame.Offset < reading.Info.Bytes; frame.Offset += frame.Length)
            {
                frame.Length = await reading.Blob.ReadAsync(frame.Offset, frame.Buffer.AsMemory(0, BlobDigest.ChunkBytes), ends.Token);
                if (frame.Length == 0)
                {
                    throw new RpcException(new Status(StatusCode.DataLoss, $"Blob '{request.Name}' has become shorter than its {reading.Info.Bytes} bytes."));
                }

                await stream.WriteAsync(frame, ends.Token);
            }
        }
        catch (OperationCanceledException) when (reading.Withdrawn.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Aborted, $"Blob '{request.Name}' was withdrawn."));
        }
    }

    private BlobCatalog.Reading Open(BlobRequest request)
    {
        var reading = catalog.Open(request.Name) ?? throw Missing(request);
        if (request.Digest.Length > 0 && request.Digest != reading.Info.Digest)
        {
            reading.Dispose();
            throw new RpcException(new Status(StatusCode.FailedPrecondition, $"Blob '{request.Name}' is now {reading.Info.Digest}, not {request.Digest}."));
        }

        return reading;
    }

    private static RpcException Missing(BlobRequest request) => new(new Status(StatusCode.NotFound, $"There is no blob '{request.Name}' here."));
}
