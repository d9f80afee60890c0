using System.Text.Json;

namespace Orchestrator.Training.Data.Cache;

/// <summary>The files of one key.</summary>
/// <param name="Stem">Path without endings.</param>
/// <param name="Files">What the data files are called now: their names are no part of the key.</param>
internal sealed record CacheEntry(string Stem, IReadOnlyList<string> Files, string Target, string? HeldOutTarget)
{
    public string Pairs => Stem + ".pairs";

    private string HeldOut => Stem + ".held-out.pairs";

    private string Record => Stem + ".json";

    /// <summary>Gives the targets the cached files, where they are there and whole.</summary>
    /// <returns>null and what is damaged, or null twice where there is no entry.</returns>
    public (CachedPreparation? Found, string? Damage) Find()
    {
        if (!File.Exists(Record))
        {
            return (null, null);
        }

        try
        {
            var kept = JsonSerializer.Deserialize<Kept>(File.ReadAllText(Record)) ?? throw new JsonException("it is empty");
            var train = Check(Pairs, kept.Train, kept.TrainTicks);
            var heldOut = kept.HeldOut is null ? 0 : Check(HeldOut, kept.HeldOut, kept.HeldOutTicks);
            FileNames.Give(Pairs, Target);
            if (kept.HeldOut is not null)
            {
                FileNames.Give(HeldOut, HeldOutTarget!);
            }

            if ((train, heldOut) != (kept.TrainTicks, kept.HeldOutTicks))
            {
                Write(kept with { TrainTicks = train, HeldOutTicks = heldOut });
            }

            return (new CachedPreparation(kept.Train.Of(Files), kept.HeldOut?.Of(Files), ""), null);
        }
        catch (JsonException error)
        {
            return (null, $"{Record} is damaged ({error.Message.TrimEnd('.')})");
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return (null, error.Message.TrimEnd('.'));
        }
    }

    /// <returns>Why it could not be kept; null where it was.</returns>
    public string? TryKeep(CachedPreparation made)
    {
        try
        {
            FileNames.Give(Target, Pairs);
            if (made.HeldOut is not null)
            {
                FileNames.Give(HeldOutTarget!, HeldOut);
            }

            Write(new Kept(made.Train, made.HeldOut, FileStamp.Of(Pairs).Ticks, made.HeldOut is null ? 0 : FileStamp.Of(HeldOut).Ticks));
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message.TrimEnd('.');
        }
    }

    // A file that was not touched since it was checked is taken as it is; any other is read once more.
    private static long Check(string path, DataReport report, long ticks)
    {
        if (!File.Exists(path))
        {
            throw new InvalidDataException($"{path} is gone");
        }

        var stamp = FileStamp.Of(path);
        if (stamp.Length != report.Bytes)
        {
            throw new InvalidDataException($"{path} has {stamp.Length} bytes, not {report.Bytes}");
        }

        return stamp.Ticks == ticks || FileNames.Sha256(path) == report.Sha256 ? stamp.Ticks : throw new InvalidDataException($"{path} is not what was written");
    }

    private void Write(Kept kept) => FileNames.Write(Record, JsonSerializer.Serialize(kept));

    private sealed record Kept(DataReport Train, DataReport? HeldOut, long TrainTicks, long HeldOutTicks);
}
