using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;
using Orchestrator.Collectives.Blobs;

namespace Orchestrator.Cluster.Work;

/// <summary>Checkpoints that a worker has written for a coordinator on another machine: offered as blobs until they are released.</summary>
internal sealed class ShippedCheckpoints(BlobCatalog catalog, string cache) : IDisposable
{
    private readonly Dictionary<long, (string Directory, ImmutableArray<string> Blobs)> _offered = [];

    public string DirectoryFor(long step) => Path.Combine(cache, $"shipping-{Environment.ProcessId}-{Guid.NewGuid():N}", $"step-{step:D8}");

    public async Task<ImmutableArray<ShippedFile>> OfferAsync(long step, string directory, CancellationToken cancellation)
    {
        Release(step);
        var files = ImmutableArray.CreateBuilder<ShippedFile>();
        foreach (var path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var relative = Path.GetRelativePath(directory, path).Replace(Path.DirectorySeparatorChar, '/');
            var info = await catalog.AddFileAsync($"checkpoint-{step}/{relative}", path, cancellation: cancellation);
            files.Add(new ShippedFile { Path = relative, Blob = info.Name, Sha256 = info.Digest, Bytes = info.Bytes });
        }

        _offered[step] = (directory, [.. files.Select(file => file.Blob)]);
        return files.ToImmutable();
    }

    public void Release(long step)
    {
        if (_offered.Remove(step, out var offered))
        {
            foreach (var blob in offered.Blobs)
            {
                catalog.Remove(blob);
            }

            Delete(Path.GetDirectoryName(offered.Directory)!);
        }
    }

    public void Dispose()
    {
        foreach (var step in _offered.Keys.ToList())
        {
            Release(step);
        }
    }

    private static void Delete(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The cache keeps a stray folder: no reason to end a worker.
        }
    }
}

/// <summary>Fetches a checkpoint that a worker offers: beside, synced, renamed.</summary>
internal static class CheckpointDownload
{
    /// <exception cref="BlobException">A file cannot be had, or arrived changed.</exception>
    /// <exception cref="IOException">The directory cannot be written; nothing stands under its name then.</exception>
    public static async Task FetchAsync(BlobSource source, IEnumerable<ShippedFile> files, string directory, CancellationToken cancellation)
    {
        var beside = directory + ".fetching";
        if (Directory.Exists(beside))
        {
            Directory.Delete(beside, recursive: true);
        }

        using var client = new BlobClient(source);
        foreach (var file in files)
        {
            var path = Path.GetFullPath(Path.Combine(beside, file.Path));
            if (!path.StartsWith(Path.GetFullPath(beside) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            {
                throw new IOException($"The worker names the file '{file.Path}', which lies outside the checkpoint.");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await client.FetchFileAsync(file.Blob, file.Sha256, path, cancellation: cancellation);
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(handle);
        }

        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }

        Directory.Move(beside, directory);
    }
}
