namespace Orchestrator.Collectives;

/// <summary>Where a process's data plane listens.</summary>
public sealed record ServerOptions
{
    /// <summary>IP address to listen on; the loopback unless told otherwise, "0.0.0.0" for every interface.</summary>
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>0 takes a free port.</summary>
    public int Port { get; init; }

    /// <summary>Name or address that peers are told to connect to; null takes <see cref="Bind"/>, or this machine's name where that is any interface.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>Shared secret every caller must bring; "" admits everybody who can connect, which only the loopback or TLS allows.</summary>
    public string Token { get; init; } = "";

    /// <summary>TLS, with a client certificate required; null for plain HTTP/2.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>How long a call for a rank that is not here yet waits for it. Default 30 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
