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
            https.ClientCertificateValidation = (certificate, _, _) => SignedBy(authority, certificate);
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
                && SignedBy(authority, presented),
        };
    }

    private static (X509Certificate2 Own, X509Certificate2 Authority) Load(TlsOptions tls)
    {
        // Through PKCS #12: a key that was read from PEM alone is not usable by every TLS stack.
        using var pem = X509Certificate2.CreateFromPemFile(tls.CertificateFile, tls.KeyFile);
        return (X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null), X509CertificateLoader.LoadCertificateFromFile(tls.AuthorityFile));
    }

    private static bool SignedBy(X509Certificate2 authority, X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        return chain.Build(certificate);
    }
}
