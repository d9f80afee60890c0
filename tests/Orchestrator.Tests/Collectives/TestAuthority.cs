using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orchestrator.Collectives;

namespace Orchestrator.Tests.Collectives;

/// <summary>An authority of its own, and certificates it signs, as PEM files in a folder.</summary>
internal sealed class TestAuthority : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UnixEpoch.AddYears(50);
    private static readonly DateTimeOffset Until = DateTimeOffset.UnixEpoch.AddYears(100);

    private readonly string _directory;
    private readonly string _name;
    private readonly X509Certificate2 _certificate;
    private int _issued;

    public TestAuthority(string directory, string name)
    {
        (_directory, _name) = (directory, name);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        _certificate = request.CreateSelfSigned(From, Until);
        File.WriteAllText(AuthorityFile, _certificate.ExportCertificatePem());
    }

    public string AuthorityFile => Path.Combine(_directory, $"{_name}.pem");

    /// <param name="trusted">The authority that the other end must show; this one where none is given.</param>
    public TlsOptions Issue(string address = "127.0.0.1", string? trusted = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=node", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(address));
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_certificate, From, Until, BitConverter.GetBytes(++_issued));
        var (certificateFile, keyFile) = (Path.Combine(_directory, $"{_name}-{_issued}.pem"), Path.Combine(_directory, $"{_name}-{_issued}.key"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return new TlsOptions(certificateFile, keyFile, trusted ?? AuthorityFile);
    }

    public void Dispose() => _certificate.Dispose();
}
