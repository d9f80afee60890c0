using Grpc.Core;
using Grpc.Net.Client;

namespace Orchestrator.Collectives.Wire;

/// <summary>Connections to another process's server.</summary>
internal static class Channels
{
    private const int Window = 16 << 20;

    /// <summary>A channel with a connection of its own.</summary>
    public static GrpcChannel Open(string address, TlsOptions? tls)
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
            MaxReceiveMessageSize = null,
            MaxRetryAttempts = null,
            Credentials = tls is null ? ChannelCredentials.Insecure : ChannelCredentials.SecureSsl,
        });
    }
}
