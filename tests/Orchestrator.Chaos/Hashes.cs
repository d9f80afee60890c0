using System.Security.Cryptography;

namespace Orchestrator.Chaos;

internal static class Hashes
{
    /// <summary>SHA-256 of a file, in lower-case hex; "" where there is none.</summary>
    public static string Of(string path)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
