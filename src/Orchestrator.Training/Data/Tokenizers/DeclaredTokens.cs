using System.Globalization;
using Orchestrator.Training.Data.Templates;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// Adds the tokens that stand beside a tokenizer: those of "added_tokens_decoder" in tokenizer_config.json, or else of added_tokens.json, then
/// tokens of the vocabulary that one of the files names as special. transformers adds them one by one and gives a token that is new the next
/// free id, whatever the file says; a file that says another id is refused.
/// </summary>
internal sealed class DeclaredTokens
{
    private readonly IReadOnlyDictionary<string, int> _vocabulary;
    private readonly List<AddedToken> _added;
    private readonly Dictionary<int, string> _contents;

    private DeclaredTokens(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyList<AddedToken> added)
    {
        (_vocabulary, _added, _contents) = (vocabulary, [.. added], []);
        foreach (var (content, id) in vocabulary.Select(token => (token.Key, token.Value)).Concat(added.Select(token => (token.Content, token.Id))))
        {
            _contents[id] = content;
        }
    }

    public static IReadOnlyList<AddedToken> AddTo(IReadOnlyList<AddedToken> added, BpeVocabulary vocabulary, string directory, TokenizerConfig config)
    {
        var tokens = new DeclaredTokens(vocabulary.Ids, added);
        HashSet<string> special = [.. SpecialTokenValues.Read(directory).Values.SelectMany(value => value is string one ? [one] : ((IEnumerable<string?>)value!).OfType<string>())];
        foreach (var (where, token) in Declared(directory, config, special).OrderBy(declared => declared.Token.Id))
        {
            tokens.Add(where, token);
        }

        foreach (var content in special.Where(content => vocabulary.Ids.ContainsKey(content) && tokens._added.TrueForAll(token => token.Content != content)))
        {
            tokens._added.Add(new AddedToken(vocabulary.Ids[content], content));
        }

        return tokens._added;
    }

    private static IEnumerable<(string Where, AddedToken Token)> Declared(string directory, TokenizerConfig config, HashSet<string> special)
    {
        if (config.AddedTokens is { } decoder)
        {
            return decoder.Keys.Select(key => int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? ($"{decoder.Where}.{key}", AddedToken.Read(decoder.Section(key).Without("__type"), id))
                : throw decoder.Wrong(key, "an id as key"))
                .Select(declared => (declared.Item1, declared.Item2 with { Special = declared.Item2.Special || special.Contains(declared.Item2.Content) }));
        }

        var path = Path.Combine(directory, "added_tokens.json");
        if (JsonFile.Read(path) is not { } root)
        {
            return [];
        }

        var file = new TokenizerSection(path, root);
        return file.Keys.Select(content => ($"{path}.{content}", new AddedToken(file.Number(content), content, Normalized: !special.Contains(content), Special: special.Contains(content))));
    }

    private void Add(string where, AddedToken token)
    {
        var known = _added.FindIndex(other => other.Content == token.Content);
        var id = known >= 0 ? _added[known].Id : _vocabulary.TryGetValue(token.Content, out var own) ? own : NextId();
        if (id != token.Id)
        {
            throw new InvalidDataException(
                $"{where} is \"{token.Content}\" with id {token.Id}, but "
                + (_contents.TryGetValue(token.Id, out var holder) ? $"the tokenizer's token {token.Id} is \"{holder}\"" : $"its id in the tokenizer is {id}")
                + ". Make the files agree: save the tokenizer again.");
        }

        _contents[id] = token.Content;
        if (known < 0)
        {
            _added.Add(token);
        }
        else
        {
            _added[known] = Merged(where, _added[known], token);
        }
    }

    // A token's flags are the last ones given, but where it is looked for, in the text or in the normalised text, stays.
    private static AddedToken Merged(string where, AddedToken first, AddedToken last) => first.Normalized == last.Normalized || (first.Special && last.Special)
        ? last with { Normalized = first.Normalized, Special = first.Special || last.Special }
        : throw new NotSupportedException($"{where}: normalized is another than tokenizer.json has for \"{last.Content}\". Make the files agree.");

    private int NextId() => Math.Max(_vocabulary.Count, _added.Count == 0 ? 0 : _added.Max(token => token.Id) + 1);
}
