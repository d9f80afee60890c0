using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives;

/// <summary>
/// The data plane of one process: it listens once for the whole run; groups come and go on it with the generations, and blobs are
/// served from it.
/// </summary>
public sealed class CollectiveServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private CollectiveServer(WebApplication app, ServerOptions options, Endpoint endpoint)
    {
        (_app, Options, Endpoint) = (app, options, endpoint);
        Groups = app.Services.GetRequiredService<GroupRegistry>();
        Blobs = app.Services.GetRequiredService<BlobCatalog>();
    }

    /// <summary>Where peers reach this process.</summary>
    public Endpoint Endpoint { get; }

    /// <summary>What this process serves to others.</summary>
    public BlobCatalog Blobs { get; }

    /// <summary>Memory that the ranks of this host read in place; lives as long as the server, whatever becomes of groups.</summary>
    public SharedBuffers Memory { get; } = new();

    internal ServerOptions Options { get; }

    internal GroupRegistry Groups { get; }

    /// <exception cref="IOException">The address is taken or not this machine's; the message names it.</exception>
    /// <exception cref="ArgumentException">Strangers could reach it, and nothing would keep them out.</exception>
    public static async Task<CollectiveServer> StartAsync(ServerOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { Token: "", Tls: null } && !(IPAddress.TryParse(options.Bind, out var bind) && IPAddress.IsLoopback(bind)))
        {
            throw new ArgumentException($"The data plane would listen on {options.Bind} for everybody: it has neither a token nor TLS. Give it one, or the loopback (127.0.0.1).");
        }

        var app = Build(options);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await app.DisposeAsync();
            throw new IOException($"The data plane cannot listen on {options.Bind}:{options.Port}: {error.Message} Choose a free port (0 takes one) or another address.", error);
        }

        var port = new Uri(app.Urls.First()).Port;
        return new CollectiveServer(app, options, Endpoint.Here($"{AdvertisedHost(options)}:{port}"));
    }

    /// <summary>Groups must have been disposed; their buffers go with this.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Memory.Dispose();
    }

    private static WebApplication Build(ServerOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<TokenCheck>(options.Token);
            grpc.MaxReceiveMessageSize = 1 << 20;
            grpc.MaxSendMessageSize = null;
        });
        builder.Services.AddSingleton(new GroupRegistry(options.Patience, options.Time));
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>>(new BlockPool());
        builder.Services.AddSingleton<BlobCatalog>();
        builder.Services.AddSingleton<RankService>();
        builder.Services.AddSingleton<BlobService>();
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<RankService>();
        app.MapGrpcService<BlobService>();
        return app;
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MaxConcurrentConnections = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1024;
        kestrel.Listen(IPAddress.Parse(options.Bind), options.Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            if (options.Tls is { } tls)
            {
                TlsSetup.Serve(listen, tls);
            }
        });
    }

    private static string AdvertisedHost(ServerOptions options) => options.AdvertisedHost
        ?? (IPAddress.Parse(options.Bind) is var address && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            ? Dns.GetHostName()
            : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString());
}
