using System.CommandLine;
using Orchestrator.Collectives;

namespace Orchestrator.Host.Verbs;

/// <summary>The three files of TLS on the command line of verbs that read no run file.</summary>
internal static class TlsArguments
{
    private static readonly Option<string?> Certificate = new("--tls-certificate") { Description = "This machine's certificate (PEM), where the run has TLS." };
    private static readonly Option<string?> Key = new("--tls-key") { Description = "Its private key (PEM)." };
    private static readonly Option<string?> Authority = new("--tls-authority") { Description = "The run's own authority (PEM)." };

    public static IEnumerable<Option> Options => [Certificate, Key, Authority];

    public static IEnumerable<string> Of(TlsOptions? tls) => tls is null
        ? []
        : [Certificate.Name, tls.CertificateFile, Key.Name, tls.KeyFile, Authority.Name, tls.AuthorityFile];

    /// <exception cref="ArgumentException">Some are given, and not all.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static TlsOptions? Read(ParseResult parsed)
    {
        Option<string?>[] options = [Certificate, Key, Authority];
        var files = options.Select(parsed.GetValue).ToArray();
        if (files.All(file => file is null))
        {
            return null;
        }

        for (var i = 0; i < options.Length; i++)
        {
            var file = files[i] ?? throw new ArgumentException($"{options[i].Name} is missing: TLS needs certificate, key and authority.");
            _ = File.Exists(file) ? file : throw new FileNotFoundException($"{options[i].Name} names {file}, which does not exist. Needed is a PEM file.", file);
        }

        return new TlsOptions(Path.GetFullPath(files[0]!), Path.GetFullPath(files[1]!), Path.GetFullPath(files[2]!));
    }
}
