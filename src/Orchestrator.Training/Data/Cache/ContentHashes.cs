using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Orchestrator.Training.Data.Cache;

/// <summary>A file as a glance shows it.</summary>
/// <param name="Ticks">When it was last written, UTC.</param>
internal readonly record struct FileStamp(long Length, long Ticks)
{
    public static FileStamp Of(string path) => new FileInfo(path) is var info ? new(info.Length, info.LastWriteTimeUtc.Ticks) : default;
}

/// <summary>
/// SHA-256 of data files. It is remembered with length and time of change, so that a file is read once; not for a file that was written a moment
/// ago, which may change again within the clock's grain.
/// </summary>
internal sealed class ContentHashes(string folder, TimeProvider clock)
{
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    public string Of(string path)
    {
        var (note, before) = (Path.Combine(folder, Name(path)), FileStamp.Of(path));
        if (Remembered(note) is { } known && known.Stamp == before)
        {
            return known.Sha256;
        }

        var sha256 = FileNames.Sha256(path);
        if (FileStamp.Of(path) == before && clock.GetUtcNow().UtcTicks - before.Ticks > Settled.Ticks)
        {
            Remember(note, before, sha256);
        }

        return sha256;
    }

    private static string Name(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(path))))[..32];

    private static (FileStamp Stamp, string Sha256)? Remembered(string note)
    {
        try
        {
            return File.Exists(note) && File.ReadAllText(note).Split(' ') is [var length, var ticks, { Length: 64 } sha256]
                ? (new FileStamp(long.Parse(length, CultureInfo.InvariantCulture), long.Parse(ticks, CultureInfo.InvariantCulture)), sha256)
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return null;
        }
    }

    private void Remember(string note, FileStamp stamp, string sha256)
    {
        try
        {
            Directory.CreateDirectory(folder);
            FileNames.Write(note, string.Create(CultureInfo.InvariantCulture, $"{stamp.Length} {stamp.Ticks} {sha256}"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is read again the next time.
        }
    }
}
