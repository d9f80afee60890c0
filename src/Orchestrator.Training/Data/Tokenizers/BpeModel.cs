using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// Byte-pair encoding: a piece's characters become tokens, then the neighbouring pair of the best rank merges, the leftmost first, until none
/// can. Sennrich et al. 2016, arXiv:1508.07909. Thread-safe; pieces seen before come from a bounded cache.
/// </summary>
internal sealed class BpeModel
{
    private const char Space = '\u2581';
    private const int CachedPieces = 1 << 17, LongestCachedPiece = 96;

    private readonly BpeVocabulary _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly MergeTable _merges;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cached;
    private readonly int[] _byteIds;
    private readonly int[]? _alphabetIds;
    private readonly int[] _characterIds = new int[char.MaxValue + 1];
    private readonly int _unknown;
    private readonly bool _byteLevel;
    private readonly bool _plain;
    private readonly bool _cutsAtSpaces;
    private int _cachedCount;

    /// <param name="vocabulary">Tokens and merges; a merge whose parts or result are no tokens is refused.</param>
    /// <param name="byteLevel">Pieces are plain text whose bytes the vocabulary writes in <see cref="ByteAlphabet"/>.</param>
    public BpeModel(BpeVocabulary vocabulary, bool byteLevel)
    {
        (_vocabulary, _byteLevel) = (vocabulary, byteLevel);
        var ids = new Dictionary<string, int>(vocabulary.Ids, StringComparer.Ordinal);
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _cached = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        _unknown = vocabulary.UnknownToken is { } unknown ? ids.GetValueOrDefault(unknown, -1) : -1;
        _byteIds = [.. Enumerable.Range(0, 256).Select(b => ids.GetValueOrDefault($"<0x{b:X2}>", -1))];
        _merges = new MergeTable(vocabulary.Merges.Count);
        var joins = AddMerges(ids);
        _plain = vocabulary.ContinuingPrefix.Length == 0 && vocabulary.WordSuffix.Length == 0;
        _cutsAtSpaces = !byteLevel && !joins && !vocabulary.IgnoreMerges && ids.ContainsKey(Space.ToString()) && _plain;
        Array.Fill(_characterIds, -1);
        foreach (var (token, id) in ids.Where(token => token.Key.Length == 1))
        {
            _characterIds[token[0]] = id;
        }

        int[] alphabet = [.. Enumerable.Range(0, 256).Select(b => _characterIds[ByteAlphabet.Of((byte)b)[0]])];
        _alphabetIds = byteLevel && _plain && !alphabet.Contains(-1) ? alphabet : null;
    }

    /// <summary>The vocabulary writes bytes in <see cref="ByteAlphabet"/>.</summary>
    public bool IsByteLevel => _byteLevel;

    /// <summary>Appends the piece's ids.</summary>
    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        // No merge ever joins a letter with the space after it, so words can be encoded, and remembered, one by one.
        while (_cutsAtSpaces && WordLength(piece) is var length && length < piece.Length)
        {
            EncodeWord(piece[..length], ids);
            piece = piece[length..];
        }

        EncodeWord(piece, ids);
    }

    private static int WordLength(ReadOnlySpan<char> text)
    {
        var start = text.IndexOfAnyExcept(Space);
        var length = start < 0 ? -1 : text[start..].IndexOf(Space);
        return length < 0 ? text.Length : start + length;
    }

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestCachedPiece)
        {
            ids.AddRange(Merge(word));
            return;
        }

        if (!_cached.TryGetValue(word, out var found))
        {
            found = Merge(word);
            if (Volatile.Read(ref _cachedCount) < CachedPieces && _cached.TryAdd(word, found))
            {
                Interlocked.Increment(ref _cachedCount);
            }
        }

        ids.AddRange(found);
    }

    private int[] Merge(ReadOnlySpan<char> piece)
    {
        var text = _byteLevel && (_alphabetIds is null || _vocabulary.IgnoreMerges) ? ByteAlphabet.Map(piece) : piece;
        if (_vocabulary.IgnoreMerges && _ids.TryGetValue(text, out var whole))
        {
            return [whole];
        }

        var merger = new BpeMerger(_merges, grows: _vocabulary.ContinuingPrefix.Length == 0);
        if (_alphabetIds is not null)
        {
            return MergeBytes(piece, merger);
        }

        var symbols = new List<int>(text.Length);
        AddSymbols(text, symbols);
        return merger.Merge(CollectionsMarshal.AsSpan(symbols));
    }

    // Every byte is a token, so its id is found without its character.
    private int[] MergeBytes(ReadOnlySpan<char> piece, BpeMerger merger)
    {
        const int Few = 64;
        var most = Encoding.UTF8.GetMaxByteCount(piece.Length);
        var bytes = most <= Few ? stackalloc byte[Few] : new byte[most];
        var symbols = most <= Few ? stackalloc int[Few] : new int[most];
        var count = Encoding.UTF8.GetBytes(piece, bytes);
        for (var i = 0; i < count; i++)
        {
            symbols[i] = _alphabetIds![bytes[i]];
        }

        return merger.Merge(symbols[..count]);
    }

    private void AddSymbols(ReadOnlySpan<char> text, List<int> symbols)
    {
        var pendingUnknown = false;
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out _, out var length);
            if (TryCharacter(text, at, length, out var id))
            {
                AddPending(ref pendingUnknown, symbols);
                symbols.Add(id);
            }
            else if (!(_vocabulary.ByteFallback && AddBytes(Marked(text, at, length), symbols)) && _unknown >= 0)
            {
                if (!_vocabulary.FuseUnknown)
                {
                    AddPending(ref pendingUnknown, symbols);
                }

                pendingUnknown = true;
            }

            at += length;
        }

        AddPending(ref pendingUnknown, symbols);
    }

    private void AddPending(ref bool pendingUnknown, List<int> symbols)
    {
        if (pendingUnknown)
        {
            symbols.Add(_unknown);
            pendingUnknown = false;
        }
    }

    private bool TryCharacter(ReadOnlySpan<char> text, int at, int length, out int id)
    {
        if (_plain && length == 1)
        {
            id = _characterIds[text[at]];
            return id >= 0;
        }

        return _plain ? _ids.TryGetValue(text.Slice(at, length), out id) : _ids.TryGetValue(Marked(text, at, length), out id);
    }

    private string Marked(ReadOnlySpan<char> text, int at, int length) =>
        (at > 0 ? _vocabulary.ContinuingPrefix : "") + text.Slice(at, length).ToString() + (at + length == text.Length ? _vocabulary.WordSuffix : "");

    private bool AddBytes(string character, List<int> symbols)
    {
        var bytes = Encoding.UTF8.GetBytes(character);
        if (bytes.Any(value => _byteIds[value] < 0))
        {
            return false;
        }

        symbols.AddRange(bytes.Select(value => _byteIds[value]));
        return true;
    }

    /// <returns>True where some merge joins a character with a space mark after it.</returns>
    private bool AddMerges(Dictionary<string, int> ids)
    {
        var joins = false;
        for (var rank = 0; rank < _vocabulary.Merges.Count; rank++)
        {
            var (left, right) = _vocabulary.Merges[rank];
            var result = left + (right.Length >= _vocabulary.ContinuingPrefix.Length ? right[_vocabulary.ContinuingPrefix.Length..] : right);
            _merges.Set(IdOf(left, rank, ids), IdOf(right, rank, ids), rank, IdOf(result, rank, ids));
            joins |= result.AsSpan().TrimStart(Space).Contains(Space);
        }

        return joins;
    }

    private int IdOf(string token, int rank, Dictionary<string, int> ids) => ids.TryGetValue(token, out var id)
        ? id
        : throw new InvalidDataException($"{_vocabulary.Where}.merges[{rank}] needs the token \"{token}\", which the vocabulary does not hold.");
}
