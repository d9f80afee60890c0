using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;

namespace Orchestrator.Training.Checkpoints;

/// <summary>One file of a checkpoint.</summary>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record ManifestEntry(string Name, long Bytes, string Sha256);

/// <summary>
/// manifest.json: every other file of a checkpoint, its size and its SHA-256. It is written last, so a directory without it was never finished.
/// </summary>
public sealed record Manifest(int Version, ImmutableArray<ManifestEntry> Files)
{
    public const string FileName = "manifest.json";

    private const int Current = 1;

    /// <summary>Lists the files that lie in a directory, in ordinal order of names.</summary>
    internal static Manifest Of(string directory) => new(
        Current,
        [.. Directory.EnumerateFiles(directory).Where(path => Path.GetFileName(path) != FileName).Order(StringComparer.Ordinal)
            .Select(path => new ManifestEntry(Path.GetFileName(path), new FileInfo(path).Length, HashOf(path)))]);

    /// <exception cref="InvalidDataException">There is no whole manifest; says why.</exception>
    internal static Manifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            throw new InvalidDataException($"it has no {FileName}: writing it was never finished");
        }

        try
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(File.ReadAllText(path), TrainerState.Json);
            return manifest is { Version: Current, Files: { IsDefaultOrEmpty: false } files } && files.All(IsWhole)
                ? manifest
                : throw new InvalidDataException($"its {FileName} lacks entries or is of another version than {Current}");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"its {FileName} cannot be read: {error.Message}");
        }
    }

    internal void Write(string directory) =>
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, TrainerState.Json) + "\n");

    /// <summary>Cheap: names and sizes.</summary>
    /// <exception cref="InvalidDataException">A file is absent or of another size.</exception>
    internal void CheckSizes(string directory)
    {
        foreach (var file in Files)
        {
            var found = new FileInfo(Path.Combine(directory, file.Name));
            if (!found.Exists)
            {
                throw new InvalidDataException($"{file.Name} is missing");
            }

            if (found.Length != file.Bytes)
            {
                throw new InvalidDataException($"{file.Name} has {found.Length} bytes instead of {file.Bytes}");
            }
        }
    }

    /// <summary>Reads a file whole and compares its hash.</summary>
    /// <exception cref="InvalidDataException">The bytes are not those that were written.</exception>
    internal static void CheckHash(string directory, ManifestEntry file)
    {
        var found = HashOf(Path.Combine(directory, file.Name));
        if (found != file.Sha256)
        {
            throw new InvalidDataException($"the bytes of {file.Name} are not those that were written: SHA-256 {found} instead of {file.Sha256}");
        }
    }

    private static string HashOf(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static bool IsWhole(ManifestEntry file) =>
        file is { Name.Length: > 0, Sha256.Length: 64, Bytes: >= 0 } && Path.GetFileName(file.Name) == file.Name;
}
