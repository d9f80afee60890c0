using Google.Protobuf;
using Grpc.Core;
using Orchestrator.Collectives.Protocol;

namespace Orchestrator.Collectives.Wire;

/// <summary>The gRPC method Attach with marshallers that move floats straight between the caller's memory and the connection.</summary>
internal static class RankMethods
{
    private const string Service = "orchestrator.collectives.Ranks";

    public static Marshaller<AttachRequest> AttachRequests { get; } = Marshallers.Create(r => r.ToByteArray(), AttachRequest.Parser.ParseFrom);

    /// <summary>The server's side: frames go out.</summary>
    public static Method<AttachRequest, OutgoingFrame> Outgoing { get; } = new(
        MethodType.ServerStreaming,
        Service,
        "Attach",
        AttachRequests,
        Marshallers.Create<OutgoingFrame>(OutgoingFrame.Serialize, _ => throw new NotSupportedException()));

    /// <summary>The client's side: frames come in and are handed to <paramref name="sink"/> by the deserializer.</summary>
    public static Method<AttachRequest, IncomingFrame> Incoming(IFrameSink sink) => new(
        MethodType.ServerStreaming,
        Service,
        "Attach",
        AttachRequests,
        Marshallers.Create<IncomingFrame>((_, _) => throw new NotSupportedException(), context => IncomingFrame.Deliver(context, sink)));
}

/// <summary>What Grpc.AspNetCore binds <see cref="RankService"/> by.</summary>
[BindServiceMethod(typeof(RankServiceBase), nameof(Bind))]
internal abstract class RankServiceBase
{
    public abstract Task Attach(AttachRequest request, IServerStreamWriter<OutgoingFrame> stream, ServerCallContext context);

    public static void Bind(ServiceBinderBase binder, RankServiceBase? service) =>
        binder.AddMethod(RankMethods.Outgoing, service is null ? null! : new ServerStreamingServerMethod<AttachRequest, OutgoingFrame>(service.Attach));
}

/// <summary>Lets a peer hear the rank it asks for, if it is of the same generation of the same run.</summary>
internal sealed class RankService(GroupRegistry groups) : RankServiceBase
{
    public override async Task Attach(AttachRequest request, IServerStreamWriter<OutgoingFrame> stream, ServerCallContext context)
    {
        var group = await groups.FindAsync(request, context.CancellationToken);
        await group.SpeakAsync(request, stream, context.CancellationToken);
    }
}
