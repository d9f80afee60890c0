using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Orchestrator.Collectives.Wire;

/// <summary>Both ends show a certificate, and both check that the run's own authority has signed the other's.</summary>
internal static class TlsSetup
{
    public static void Serve(ListenOptions listen, TlsOptions tls)
    {
        var (own, authority) = Load(tls);
        listen.UseHttps(https =>
        {
            https.ServerCertificate = own;
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (certificate, _, _) => TlsOptions.IsSignedBy(authority, certificate);
        });
    }

    public static SslClientAuthenticationOptions Client(TlsOptions tls)
    {
        var (own, authority) = Load(tls);
        return new SslClientAuthenticationOptions
        {
            ClientCertificates = [own],
            RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None
                && certificate is X509Certificate2 presented
                && TlsOptions.IsSignedBy(authority, presented),
        };
    }

    private static (X509Certificate2 Own, X509Certificate2 Authority) Load(TlsOptions tls) => (tls.LoadOwn(), tls.LoadAuthority());
}
