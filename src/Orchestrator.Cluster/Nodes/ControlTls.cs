using System.Security.Cryptography.X509Certificates;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using Orchestrator.Collectives;

namespace Orchestrator.Cluster.Nodes;

/// <summary>TLS of the control plane: both ends show a certificate, and both check that the run's own authority has signed the other's.</summary>
internal static class ControlTls
{
    public static Config Config { get; } = ConfigurationFactory.ParseString("akka.remote.dot-netty.tcp.enable-ssl = true");

    /// <summary>As addresses begin.</summary>
    /// <param name="adapters">What is put around the transport, as Akka's throttler.</param>
    public static string Scheme(TlsOptions? tls, params IEnumerable<string> adapters) => string.Join('.', ["akka", .. adapters, tls is null ? "tcp" : "ssl.tcp"]);

    public static DotNettySslSetup Setup(TlsOptions tls)
    {
        var authority = tls.LoadAuthority();
        return new DotNettySslSetup(
            tls.LoadOwn(),
            suppressValidation: false,
            requireMutualAuthentication: true,
            validateCertificateHostname: false,
            (certificate, _, _, _, _) => certificate is X509Certificate2 presented && TlsOptions.IsSignedBy(authority, presented));
    }
}
