using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Orchestrator.Collectives;

/// <summary>How the ranks of a group reach each other's memory.</summary>
public enum Transport
{
    /// <summary>Each pair by the fastest way it has: same process by reference, same host through shared memory, else gRPC.</summary>
    Auto,

    /// <summary>Shared memory; refused where the ranks stand on several hosts.</summary>
    Shm,

    /// <summary>gRPC between all ranks, wherever they are.</summary>
    Grpc,
}

/// <summary>What a float becomes between hosts. Sums are fp32 in any case.</summary>
public enum WireType
{
    Fp32,

    /// <summary>Round to nearest even; every node sum and every result is rounded once.</summary>
    Bf16,
}

/// <summary>One generation of a run's ranks, as one of them sees it.</summary>
public sealed record GroupOptions
{
    public required string RunId { get; init; }

    public long Term { get; init; }

    public int Generation { get; init; }

    public int Rank { get; init; }

    /// <summary>Where each rank is, in rank order; the same list on all ranks.</summary>
    public required ImmutableArray<Endpoint> Members { get; init; }

    /// <summary>Shared secret; must equal the peers' servers'.</summary>
    public string Token { get; init; } = "";

    /// <summary>A peer that is silent, or brings nothing of what it has begun, for so long has failed. Default 5 s.</summary>
    public TimeSpan ProgressDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a living peer may take to start a collective that this rank has started: the longest difference of computing time
    /// between two ranks, not a network time. Default 10 min.
    /// </summary>
    public TimeSpan ArrivalDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Until all ranks have found each other. Default 30 s.</summary>
    public TimeSpan ConnectDeadline { get; init; } = TimeSpan.FromSeconds(30);

    public Transport Transport { get; init; } = Transport.Auto;

    public WireType Wire { get; init; } = WireType.Fp32;

    /// <summary>TLS towards the peers; null for plain HTTP/2.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Bytes of a chunk's fp32 values; usually 256 KiB to 1 MiB. A peer must move one chunk within the progress deadline.</summary>
    public int ChunkBytes { get; init; } = 512 * 1024;

    /// <summary>Connections to each peer, 1 to 16; more than 1 pays only with cores to spare.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>Up to so many bytes an all-reduce sends every node to every rank at once, in one hop. Default 32 KiB; 0 turns it off.</summary>
    public int OneHopBytes { get; init; } = 32 * 1024;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Ranks of the same process, too, read each other through mappings: for tests of what processes do.</summary>
    internal bool AlwaysMap { get; init; }

    internal int WorldSize => Members.Length;

    internal Wire.GroupId Id => new(RunId, Term, Generation, Rank);

    /// <summary>How often a rank that has nothing to say says that it lives, and looks at its peers.</summary>
    internal TimeSpan Heartbeat => TimeSpan.FromTicks(Math.Clamp(ProgressDeadline.Ticks / 10, TimeSpan.TicksPerMillisecond * 20, TimeSpan.TicksPerSecond));

    /// <summary>Bytes no frame of this group passes: a chunk or what goes in one hop, and room for a header and a reason.</summary>
    internal int LargestFrame => Math.Max(ChunkBytes, OneHopBytes) + (64 << 10);

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Check()
    {
        Require(Members.Length > 0, "Members is empty: a group has at least one rank.");
        Require(Members.Length <= Local.ControlPage.MostRanks, $"Members has {Members.Length} ranks; a group has at most {Local.ControlPage.MostRanks}.");
        Require(Rank >= 0 && Rank < Members.Length, $"Rank is {Rank}, which is not one of the {Members.Length} members' (0 to {Members.Length - 1}).");
        Require(ChunkBytes is >= 256 and <= 64 << 20 && ChunkBytes % 64 == 0, $"ChunkBytes is {ChunkBytes}; needed is a multiple of 64 from 256 to 64 MiB.");
        Require(Connections is >= 1 and <= 16, $"Connections is {Connections}; needed is 1 to 16.");
        Require(ProgressDeadline > TimeSpan.Zero && ArrivalDeadline >= ProgressDeadline, $"ArrivalDeadline ({ArrivalDeadline}) must be at least ProgressDeadline ({ProgressDeadline}), and both above zero.");
        Require(OneHopBytes is >= 0 and <= 1 << 20, $"OneHopBytes is {OneHopBytes}; needed is 0 to 1 MiB.");

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new ArgumentException(message);
            }
        }
    }
}

/// <summary>TLS with certificates on both ends, in PEM files.</summary>
/// <param name="CertificateFile">This end's certificate, signed by the authority itself.</param>
/// <param name="KeyFile">Its private key.</param>
/// <param name="AuthorityFile">The authority that must have signed the other end's certificate.</param>
public sealed record TlsOptions(string CertificateFile, string KeyFile, string AuthorityFile)
{
    /// <summary>This end's certificate with its key.</summary>
    /// <exception cref="InvalidDataException">A file cannot be read or is no certificate; names it.</exception>
    public X509Certificate2 LoadOwn()
    {
        try
        {
            // Through PKCS #12: a key that was read from PEM alone is not usable by every TLS stack.
            using var pem = X509Certificate2.CreateFromPemFile(CertificateFile, KeyFile);
            return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidDataException($"TLS: {CertificateFile} and {KeyFile} are no certificate and key in PEM: {error.Message}", error);
        }
    }

    /// <summary>The authority's certificate.</summary>
    /// <exception cref="InvalidDataException">The file cannot be read or is no certificate.</exception>
    public X509Certificate2 LoadAuthority()
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(AuthorityFile);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"TLS: {AuthorityFile} is no certificate: {error.Message}", error);
        }
    }

    /// <summary>True where the authority has signed the certificate.</summary>
    public static bool IsSignedBy(X509Certificate2 authority, X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;   // of what a stranger's certificate names
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        return chain.Build(certificate);
    }
}
