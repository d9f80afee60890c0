using System.Text;
using Orchestrator.Training.Data.Tokenizers;

namespace Orchestrator.Training.Data;

/// <summary>
/// A model's own tokenizer, exact to the id: byte-pair encoding, byte level or with byte fallback, as Hugging Face's tokenizer.json (or GPT-2's
/// vocab.json and merges.txt) describes it. A file with anything this program does not understand is refused by the name of that thing.
/// Thread-safe.
/// </summary>
public sealed class TextTokenizer
{
    private readonly BpeModel _model;
    private readonly Normalizer? _normalizer;
    private readonly PreTokenizer[] _steps;
    private readonly AddedTokens _inText, _inNormalized;
    private readonly SpecialTokenFrame _frame;
    private readonly TokenDecoder? _decoder;
    private readonly Dictionary<int, string> _tokens = [];
    private readonly Dictionary<string, int> _ids;
    private readonly HashSet<int> _special;

    private TextTokenizer(TokenizerParts parts, SpecialTokenNames names)
    {
        // A last step that only writes bytes as characters is left to the model, which then does it once per new piece.
        var byteLevel = parts.PreTokenizers.Count > 0 && parts.PreTokenizers[^1] == PreTokenizers.ToByteAlphabet;
        _model = new BpeModel(parts.Vocabulary, byteLevel);
        _steps = [.. parts.PreTokenizers.SkipLast(byteLevel ? 1 : 0)];
        (_normalizer, _frame, _decoder) = (parts.Normalizer, parts.Frame, parts.Decoder);
        _inText = new AddedTokens(parts.Added.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _inNormalized = new AddedTokens(parts.Added.Where(token => token.Normalized).Select(token => (_normalizer?.Invoke(token.Content) ?? token.Content, token)));
        _ids = parts.Ids();
        foreach (var (token, id) in _ids)
        {
            _tokens[id] = token;
        }

        _special = [.. parts.Added.Where(token => token.Special).Select(token => token.Id)];
        VocabularySize = _tokens.Count == 0 ? 0 : _tokens.Keys.Max() + 1;
        (BosId, EosId, PadId) = (IdOf(names.Bos), IdOf(names.Eos), IdOf(names.Pad));
    }

    /// <summary>The token that begins a text, where the model has one.</summary>
    public int? BosId { get; }

    /// <summary>The token that ends an answer, where the model names one.</summary>
    public int? EosId { get; }

    /// <summary>The token that fills up a row, where the model names one.</summary>
    public int? PadId { get; }

    /// <summary>The highest id + 1. A model's embedding may have more rows.</summary>
    public int VocabularySize { get; }

    /// <summary>SHA-256 over the files that make the tokenizer: two of one identity give the same ids.</summary>
    public string Identity { get; private init; } = "";

    /// <summary>The ids that <see cref="Encode"/> puts before a text when it adds special tokens; often one token, or none.</summary>
    public ReadOnlySpan<int> BeginningIds => _frame.Before;

    /// <param name="modelDirectory">In Hugging Face layout: tokenizer.json, else vocab.json and merges.txt; special tokens and
    /// whatever else changes ids from tokenizer_config.json, special_tokens_map.json and added_tokens.json beside it.</param>
    /// <exception cref="FileNotFoundException">The directory holds no tokenizer.</exception>
    /// <exception cref="InvalidDataException">A file is not what it should be; the message names file and key.</exception>
    /// <exception cref="NotSupportedException">The tokenizer asks for something that this program would not compute exactly.</exception>
    public static TextTokenizer Load(string modelDirectory)
    {
        var names = SpecialTokenNames.Read(modelDirectory);
        return new(TokenizerParts.Read(modelDirectory, names), names) { Identity = IdentityOf(modelDirectory) };
    }

    /// <param name="text">Special tokens written out in it become those tokens.</param>
    /// <param name="addSpecialTokens">Add what the tokenizer's template adds to a text, such as a token that begins it.</param>
    public int[] Encode(string text, bool addSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (ids, whole) = (new List<int>(), WithoutLoneSurrogates(text));
        ids.AddRange(addSpecialTokens ? _frame.Before : []);
        foreach (var (id, start, length) in _inText.Split(whole))
        {
            if (id is { } added)
            {
                ids.Add(added);
            }
            else
            {
                EncodePart(length == whole.Length ? whole : whole.Substring(start, length), start == 0, ids);
            }
        }

        ids.AddRange(addSpecialTokens ? _frame.After : []);
        return [.. ids];
    }

    /// <summary>The text that ids stand for. Bytes that are no UTF-8 become U+FFFD; ids that are no tokens are left out.</summary>
    public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        string[] tokens = [.. ids.Where(id => _tokens.ContainsKey(id) && !(skipSpecialTokens && _special.Contains(id))).Select(id => _tokens[id])];
        return _decoder is null ? string.Join(' ', tokens) : string.Concat(_decoder(tokens));
    }

    /// <summary>One token for a person to read: its text, a byte of a longer character as &lt;0xE2&gt;, or its number where it is no token.</summary>
    public string TokenText(int id)
    {
        if (!_tokens.TryGetValue(id, out var token))
        {
            return $"<{id}?>";
        }

        if (_special.Contains(id) || !_model.IsByteLevel)
        {
            return token.Replace('\u2581', ' ');
        }

        var bytes = new List<byte>();
        ByteAlphabet.Unmap(token, bytes);
        return System.Text.Unicode.Utf8.IsValid([.. bytes]) ? Encoding.UTF8.GetString([.. bytes]) : string.Concat(bytes.Select(value => $"<0x{value:X2}>"));
    }

    /// <summary>The id of a token by the vocabulary's own spelling, or null.</summary>
    public int? IdOf(string? token) => token is not null && _ids.TryGetValue(token, out var id) ? id : null;

    private static string IdentityOf(string modelDirectory)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var name in new[] { "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json" })
        {
            var path = Path.Combine(modelDirectory, name);
            var bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
            hash.AppendData(BitConverter.GetBytes(bytes.LongLength));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void EncodePart(string text, bool atStart, List<int> ids)
    {
        var normalized = _normalizer?.Invoke(text) ?? text;
        foreach (var (id, start, length) in _inNormalized.Split(normalized))
        {
            if (id is { } added)
            {
                ids.Add(added);
            }
            else
            {
                EncodePieces(new Piece(normalized, start, length, atStart && start == 0), ids);
            }
        }
    }

    private void EncodePieces(Piece whole, List<int> ids)
    {
        var (pieces, next) = (new List<Piece> { whole }, new List<Piece>());
        foreach (var step in _steps)
        {
            next.Clear();
            foreach (var piece in pieces)
            {
                step(piece, next);
            }

            (pieces, next) = (next, pieces);
        }

        foreach (var piece in pieces)
        {
            if (piece.Length > 0)
            {
                _model.Encode(piece.Span, ids);
            }
        }
    }

    // UTF-8 has no lone surrogates; a text that holds one is read as if it had come from UTF-8.
    private static string WithoutLoneSurrogates(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return text;
        }

        var whole = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            whole.Append(rune.ToString());
        }

        return whole.ToString();
    }
}
