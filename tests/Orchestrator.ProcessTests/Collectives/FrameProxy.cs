using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Collectives;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>What becomes of the messages on their way; called for one at a time.</summary>
internal delegate ValueTask<IReadOnlyList<byte[]>> Tamper(byte[] message, CancellationToken cancellation);

/// <summary>Stands before a rank's server and passes what that rank says to others on, message by message, changed as a test wants it.</summary>
internal sealed class FrameProxy : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FrameProxy(WebApplication app, Endpoint target) =>
        (_app, Endpoint) = (app, (target with { Address = new Uri(app.Urls.First()).Authority }).ToString());

    /// <summary>The target's endpoint with the proxy's address.</summary>
    public string Endpoint { get; }

    public static async Task<FrameProxy> StartAsync(string target, Tamper tamper)
    {
        var endpoint = Orchestrator.Collectives.Endpoint.Parse(target);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(grpc => grpc.MaxSendMessageSize = null);
        builder.Services.AddSingleton(new ProxyService(endpoint.Address, tamper));
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<ProxyService>();
        await app.StartAsync();
        return new FrameProxy(app, endpoint);
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}

/// <summary>What Grpc.AspNetCore binds <see cref="ProxyService"/> by.</summary>
[BindServiceMethod(typeof(ProxyServiceBase), nameof(Bind))]
internal abstract class ProxyServiceBase
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);

    protected static readonly Method<byte[], byte[]> Method = new(MethodType.ServerStreaming, "orchestrator.collectives.Ranks", "Attach", Bytes, Bytes);

    public abstract Task Attach(byte[] request, IServerStreamWriter<byte[]> stream, ServerCallContext context);

    public static void Bind(ServiceBinderBase binder, ProxyServiceBase? service) =>
        binder.AddMethod(Method, service is null ? null! : new ServerStreamingServerMethod<byte[], byte[]>(service.Attach));
}

internal sealed class ProxyService(string target, Tamper tamper) : ProxyServiceBase
{
    private readonly SemaphoreSlim _one = new(1);

    public override async Task Attach(byte[] request, IServerStreamWriter<byte[]> stream, ServerCallContext context)
    {
        using var channel = GrpcChannel.ForAddress($"http://{target}", new GrpcChannelOptions { MaxReceiveMessageSize = null });
        var headers = new Metadata { { "authorization", context.RequestHeaders.GetValue("authorization") ?? "" } };
        using var call = channel.CreateCallInvoker().AsyncServerStreamingCall(Method, null, new CallOptions(headers, cancellationToken: context.CancellationToken), request);
        while (await call.ResponseStream.MoveNext(context.CancellationToken))
        {
            await _one.WaitAsync(context.CancellationToken);
            try
            {
                foreach (var message in await tamper(call.ResponseStream.Current, context.CancellationToken))
                {
                    await stream.WriteAsync(message, context.CancellationToken);
                }
            }
            finally
            {
                _one.Release();
            }
        }
    }
}
