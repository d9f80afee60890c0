using System.Security.Cryptography;
using System.Text;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Work;

/// <summary>
/// Brings a job's files to this machine. A folder of files ("model/...") is used where the job says it lies if all of it is there with the right
/// bytes; else all of it is downloaded into the cache, where a later run, or another worker, finds it again.
/// </summary>
internal sealed class JobFiles(BlobSource source, string cache, Action<string> log)
{
    /// <returns>Local path by name.</returns>
    /// <exception cref="BlobException">A file cannot be had from the coordinator.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    public async Task<IReadOnlyDictionary<string, string>> BringAsync(Job job, CancellationToken cancellation)
    {
        var paths = new Dictionary<string, string>();
        foreach (var folder in job.Files.GroupBy(file => FolderOf(file.Name)))
        {
            var files = folder.ToList();
            foreach (var (name, path) in await InPlaceAsync(files, cancellation) ?? await CachedAsync(folder.Key, files, cancellation))
            {
                paths[name] = path;
            }
        }

        return paths;
    }

    private static string FolderOf(string name) => name.Contains('/', StringComparison.Ordinal) ? name[..name.LastIndexOf('/')] : "";

    private static async Task<List<(string, string)>?> InPlaceAsync(List<JobFile> files, CancellationToken cancellation)
    {
        var together = files.Select(file => Path.GetDirectoryName(file.Path)).Distinct().Count() == 1
            && files.All(file => Path.GetFileName(file.Path) == Path.GetFileName(file.Name));
        if (!together)
        {
            return null;
        }

        foreach (var file in files)
        {
            if (!await IsAsync(file, file.Path, cancellation))
            {
                return null;
            }
        }

        return [.. files.Select(file => (file.Name, file.Path))];
    }

    private async Task<List<(string, string)>> CachedAsync(string folder, List<JobFile> files, CancellationToken cancellation)
    {
        var content = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', files.Select(file => $"{file.Name} {file.Sha256}").Order(StringComparer.Ordinal))));
        var directory = Path.Combine(cache, Convert.ToHexStringLower(content)[..16], folder);
        Directory.CreateDirectory(directory);
        await using var alone = await LockAsync(Path.Combine(directory, ".lock"), cancellation);
        using var client = new BlobClient(source);
        var found = new List<(string, string)>();
        foreach (var file in files)
        {
            var path = Path.Combine(directory, Path.GetFileName(file.Name));
            if (!await IsAsync(file, path, cancellation))
            {
                log($"downloading {file.Name} ({file.Bytes / 1e6:0.0} MB) from {source.Address}");
                await client.FetchFileAsync(file.Name, "sha256:" + file.Sha256, path, cancellation: cancellation);
            }

            found.Add((file.Name, path));
        }

        return found;
    }

    private static async Task<bool> IsAsync(JobFile file, string path, CancellationToken cancellation)
    {
        try
        {
            if (new FileInfo(path) is not { Exists: true } info || info.Length != file.Bytes)
            {
                return false;
            }

            await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.Asynchronous | FileOptions.SequentialScan);
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation)) == file.Sha256;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>One worker of a machine at a time fills a folder.</summary>
    private async Task<FileStream> LockAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.Asynchronous);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), source.Time, cancellation);
            }
        }
    }
}
