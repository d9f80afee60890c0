using Grpc.Core;
using Grpc.Net.Client;

namespace Orchestrator.Collectives.Wire;

/// <summary>Connections to another process's server.</summary>
internal static class Channels
{
    /// <summary>
    /// Bytes a peer may send ahead. What has come and was not read yet lies in blocks of 16 KiB, of which the shared pool keeps 32 a core:
    /// a wider window, or one the handler widens by itself, makes nearly every block a new one (measured: 1.6 GB of garbage a GiB).
    /// 1 MiB carries 1 GB/s over a round trip of 1 ms.
    /// </summary>
    private const int Window = 1 << 20;

    /// <summary>Read by the handler when the process makes its first; a host that needs dynamic windows elsewhere sets it to false before.</summary>
    private const string NoDynamicWindow = "System.Net.SocketsHttpHandler.Http2FlowControl.DisableDynamicWindowSizing";

    static Channels()
    {
        if (!AppContext.TryGetSwitch(NoDynamicWindow, out _))
        {
            AppContext.SetSwitch(NoDynamicWindow, true);
        }
    }

    /// <summary>A channel with a connection of its own.</summary>
    /// <param name="largest">Bytes of the largest message that is taken; null for any.</param>
    public static GrpcChannel Open(string address, TlsOptions? tls, int? largest = null)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            InitialHttp2StreamWindowSize = Window,
        };
        if (tls is not null)
        {
            handler.SslOptions = TlsSetup.Client(tls);
        }

        return GrpcChannel.ForAddress($"{(tls is null ? "http" : "https")}://{address}", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = largest,
            MaxRetryAttempts = null,
            Credentials = tls is null ? ChannelCredentials.Insecure : ChannelCredentials.SecureSsl,
        });
    }
}
