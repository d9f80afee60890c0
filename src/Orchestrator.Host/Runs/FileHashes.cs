using System.Collections.Immutable;
using System.Security.Cryptography;
using Orchestrator.Core;

namespace Orchestrator.Host.Runs;

/// <summary>Files of a job with their hashes.</summary>
public static class FileHashes
{
    private const int Block = 1 << 20;

    /// <summary>The files of one folder that a worker needs: configuration, weights, tokenizer; nothing hidden, nothing of other programs.</summary>
    /// <param name="prefix">"model" gives names like "model/config.json".</param>
    public static ImmutableArray<JobFile> OfFolder(string folder, string prefix, CancellationToken cancellation) =>
        Of([.. Directory.EnumerateFiles(folder).Where(IsNeeded).Order(StringComparer.Ordinal).Select(path => ($"{prefix}/{Path.GetFileName(path)}", path))], cancellation);

    public static ImmutableArray<JobFile> Of(IReadOnlyList<(string Name, string Path)> files, CancellationToken cancellation)
    {
        var found = new JobFile[files.Count];
        Parallel.For(0, files.Count, new ParallelOptions { CancellationToken = cancellation }, i => found[i] = Of(files[i].Name, files[i].Path));
        return [.. found];
    }

    private static JobFile Of(string name, string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Block, FileOptions.SequentialScan);
        return new JobFile(name, Convert.ToHexStringLower(SHA256.HashData(stream)), stream.Length, path);
    }

    private static bool IsNeeded(string path) =>
        Path.GetFileName(path) is var name && !name.StartsWith('.') && Path.GetExtension(name) is ".json" or ".safetensors" or ".txt" or ".jinja" or ".model";
}
