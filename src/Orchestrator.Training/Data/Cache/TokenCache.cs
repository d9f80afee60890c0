using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;

namespace Orchestrator.Training.Data.Cache;

/// <summary>
/// .pairs files by what they were made from: the content of the data files, tokenizer, chat template, options, split, and this program's own build.
/// An entry is &lt;key&gt;.pairs (and &lt;key&gt;.held-out.pairs), and &lt;key&gt;.json with its report. Every file is written beside and renamed, the
/// report last, and what two processes write under one name at once is the same. It may be deleted at any time.
/// </summary>
/// <param name="folder">Made where it is not there.</param>
/// <param name="clock">The system's where absent.</param>
public sealed class TokenCache(string folder, TimeProvider? clock = null)
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <summary>As <see cref="DataPreparation"/>, but for what is found here. Trouble with the cache itself is told and does no harm.</summary>
    /// <param name="target">A second name of the file in the cache, or a copy where the file system allows none.</param>
    public CachedPreparation Prepare(
        DataOptions options, IReadOnlyList<string> files, TextTokenizer? tokenizer, IChatFormat? chat, string target, HoldOut? holdOut, CancellationToken cancellation)
    {
        files = DataFiles.Find(files);
        CachedPreparation Anew(string note)
        {
            var (train, heldOut) = DataPreparation.Prepare(options, files, tokenizer, chat, target, holdOut, cancellation);
            return new CachedPreparation(train, heldOut, note);
        }

        if (chat is { Identity: null })
        {
            return Anew("not cached: the chat template asks for the date, so that a run started tomorrow may have other prompts (one that goes on keeps those that it began with)");
        }

        if (!TryOpen(out var hashes, out var why))
        {
            return Anew(why);
        }

        var entry = new CacheEntry(Path.Combine(folder, CacheKey.Of(options, [.. files.Select(hashes.Of)], tokenizer, chat, holdOut)), files, target, holdOut?.Target);
        var (found, damage) = entry.Find();
        if (found is not null)
        {
            return found with { Note = $"taken from {entry.Pairs}, as they were made before" };
        }

        var made = Anew("");
        return made with { Note = (damage is null ? "" : $"made anew: {damage}; ") + (entry.TryKeep(made) is { } failed ? $"not cached: {failed}" : $"cached in {entry.Pairs}") };
    }

    private bool TryOpen(out ContentHashes hashes, out string why)
    {
        hashes = new ContentHashes(Path.Combine(folder, "files"), _clock);
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var left in Directory.EnumerateFiles(folder, "*.tmp").Where(file => _clock.GetUtcNow() - File.GetLastWriteTimeUtc(file) > TimeSpan.FromDays(1)))
            {
                File.Delete(left);
            }

            why = "";
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            why = $"not cached: {error.Message}";
            return false;
        }
    }
}

/// <summary>What a preparation gave, and where from.</summary>
/// <param name="Note">For people: whether the tokens were found or made, and what was wrong with the cache.</param>
public sealed record CachedPreparation(DataReport Train, DataReport? HeldOut, string Note);

/// <summary>What decides the tokens, as one name.</summary>
internal static class CacheKey
{
    /// <param name="contents">SHA-256 of each data file, in order.</param>
    public static string Of(DataOptions options, ImmutableArray<string> contents, TextTokenizer? tokenizer, IChatFormat? chat, HoldOut? holdOut)
    {
        var all = JsonSerializer.SerializeToUtf8Bytes(new
        {
            Program = typeof(CacheKey).Module.ModuleVersionId,
            Options = options with { Columns = new SortedDictionary<string, string>(options.Columns.ToDictionary(), StringComparer.Ordinal) },
            Contents = contents,
            Tokenizer = tokenizer?.Identity,
            Chat = chat?.Identity,
            Share = holdOut?.Share,
            Seed = holdOut?.Seed,
        });
        return Convert.ToHexStringLower(SHA256.HashData(all))[..32];
    }
}
