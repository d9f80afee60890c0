using System.Collections.Immutable;
using System.Globalization;
using Orchestrator.Core;

namespace Orchestrator.Host.RunFile;

/// <summary>The kinds of values that run files hold.</summary>
public static class Kinds
{
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    public static ValueKind<bool> Flag { get; } = new(
        "true or false",
        (value, _) => Scalar(value) switch { "true" or "True" => true, "false" or "False" => false, _ => throw new ValueException("") },
        value => value ? "true" : "false");

    /// <summary>Any text that is not empty.</summary>
    public static ValueKind<string> Text(string needed = "a text") => new(needed, (value, _) => NotEmpty(value), Quote);

    /// <summary>A file or folder; relative ones are relative to the folder of the file that names them. Whether it exists is checked later.</summary>
    public static ValueKind<string> Location(string needed) => new(needed, (value, folder) => Full(value, folder), Quote);

    /// <summary>One of some words, or a file: write ./auto where a file bears such a name.</summary>
    public static ValueKind<string> WordOrLocation(string needed, params string[] words) => new(
        needed, (value, folder) => value.Shape == YamlShape.Scalar && words.Contains(value.Text) ? value.Text : Full(value, folder), text => words.Contains(text) ? text : Quote(text));

    /// <summary>Named files, in the order written; one without a name is called "eval".</summary>
    public static ValueKind<ImmutableArray<(string Name, string File)>> NamedLocations(string needed) => new(
        needed,
        (value, folder) => value.Shape == YamlShape.Map
            ? Distinct(value.Entries.Select(entry => (SetName(entry.Key), Full(entry.Value, folder))))
            : value.IsNull ? [] : [("eval", Full(value, folder))],
        sets => sets.Length == 0 ? "null" : $"{{{string.Join(", ", sets.Select(set => $"{set.Name}: {Quote(set.File)}"))}}}");

    public static ValueKind<int> Whole(int least, int most = int.MaxValue) => new(
        most == int.MaxValue ? $"a whole number, {least} or more" : $"a whole number from {least} to {most}",
        (value, _) => int.TryParse(Scalar(value), NumberStyles.AllowLeadingSign, Plain, out var number) && number >= least && number <= most
            ? number
            : throw new ValueException(""),
        value => value.ToString(Plain));

    /// <param name="above">The value is above this, not equal to it.</param>
    public static ValueKind<double> Number(double? least = null, double? most = null, double? above = null, double? below = null) => new(
        Range(least, most, above, below),
        (value, _) => double.TryParse(Scalar(value), NumberStyles.Float, Plain, out var number)
            && double.IsFinite(number) && !(number < least) && !(number > most) && !(number <= above) && !(number >= below)
            ? number
            : throw new ValueException(""),
        Write);

    /// <param name="others">What other programs call a choice of ours.</param>
    public static ValueKind<string> Choice(IReadOnlyList<string> names, params (string Theirs, string Ours)[] others) => new(
        $"one of {string.Join(", ", names)}",
        (value, _) =>
        {
            var text = Scalar(value);
            return names.Contains(text) ? text
                : others.FirstOrDefault(other => other.Theirs == text).Ours
                ?? throw new ValueException(EditDistance.Nearest(text, names) is { } near ? $" Did you mean {near}?" : "");
        },
        value => value);

    /// <summary>One of some names, or a list of them.</summary>
    public static ValueKind<ImmutableArray<string>> Choices(IReadOnlyList<string> names, params (string Theirs, string Ours)[] others)
    {
        var one = Choice(names, others);
        return new ValueKind<ImmutableArray<string>>(
            $"{one.Needed}, or a list of them",
            (value, folder) => value.Shape != YamlShape.List ? [one.Read(value, folder)]
                : value.Items.Length == 0 ? throw new ValueException("")
                : [.. value.Items.Select(item => one.Read(item, folder))],
            chosen => chosen.Length == 1 ? chosen[0] : $"[{string.Join(", ", chosen)}]");
    }

    /// <summary>One text or a list of them.</summary>
    public static ValueKind<ImmutableArray<string>> Texts(string needed) => new(
        needed,
        (value, _) => value.Shape != YamlShape.List ? [NotEmpty(value)]
            : value.Items.Length == 0 ? throw new ValueException("")
            : [.. value.Items.Select(NotEmpty)],
        texts => texts.Length == 1 ? Quote(texts[0]) : $"[{string.Join(", ", texts.Select(Quote))}]");

    /// <summary>A list of texts; null is the empty one.</summary>
    public static ValueKind<ImmutableArray<string>> TextsOrNone(string needed) => new(
        needed,
        (value, _) => value.Shape == YamlShape.List ? [.. value.Items.Select(NotEmpty)] : value.IsNull ? [] : throw new ValueException(""),
        texts => texts.Length == 0 ? "null" : $"[{string.Join(", ", texts.Select(Quote))}]");

    /// <summary>A list of numbers; null is the empty one.</summary>
    public static ValueKind<ImmutableArray<double>> Numbers()
    {
        var one = Number();
        return new ValueKind<ImmutableArray<double>>(
            "a list of numbers, or null",
            (value, folder) => value.Shape == YamlShape.List ? [.. value.Items.Select(item => one.Read(item, folder))] : value.IsNull ? [] : [one.Read(value, folder)],
            numbers => numbers.Length == 0 ? "null" : $"[{string.Join(", ", numbers.Select(Write))}]");
    }

    /// <summary>Names for names, as {ours: theirs}; null is none.</summary>
    public static ValueKind<ImmutableSortedDictionary<string, string>> Renames(string needed) => new(
        needed,
        (value, _) => value.Shape == YamlShape.Map
            ? value.Entries.ToImmutableSortedDictionary(entry => NotEmpty(entry.Key), entry => NotEmpty(entry.Value), StringComparer.Ordinal)
            : value.IsNull ? ImmutableSortedDictionary<string, string>.Empty : throw new ValueException(""),
        names => names.Count == 0 ? "null" : $"{{{string.Join(", ", names.Select(pair => $"{Quote(pair.Key)}: {Quote(pair.Value)}"))}}}");

    /// <summary>A whole number, or the word auto, which stands as null.</summary>
    public static ValueKind<int?> AutoOr(ValueKind<int> kind) => new(
        $"auto, or {kind.Needed}",
        (value, folder) => value.Text == "auto" && value.Shape == YamlShape.Scalar ? null : kind.Read(value, folder),
        value => value is { } number ? kind.Write(number) : "auto");

    private static string Scalar(YamlValue value) =>
        value.Shape == YamlShape.Scalar && !value.IsNull ? value.Text : throw new ValueException("");

    private static string NotEmpty(YamlValue value) => Scalar(value) is { Length: > 0 } text ? text : throw new ValueException("");

    private static string SetName(YamlValue key) => NotEmpty(key).All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')
        ? key.Text
        : throw new ValueException($" The name \"{key.Text}\" has characters other than letters, digits, _, - and point.");

    // The training pairs lie beside these sets, under the name "train".
    private static ImmutableArray<(string Name, string File)> Distinct(IEnumerable<(string Name, string File)> sets)
    {
        var all = sets.ToImmutableArray();
        return all.FirstOrDefault(set => set.Name == "train").Name is { } taken ? throw new ValueException($" The name {taken} is that of the training pairs: choose another.")
            : all.GroupBy(set => set.Name).FirstOrDefault(group => group.Count() > 1)?.Key is { } twice ? throw new ValueException($" The name {twice} stands there twice.")
            : all;
    }

    private static string Full(YamlValue value, string folder)
    {
        var text = NotEmpty(value);
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.GetFullPath(text.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(home, text[2..]) : text, folder);
    }

    private static string Write(double value) => value.ToString("R", Plain).Replace("E", "e", StringComparison.Ordinal);

    private static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static string Range(double? least, double? most, double? above, double? below)
    {
        string[] bounds =
        [
            .. least is { } l ? [$"{Write(l)} or more"] : Array.Empty<string>(),
            .. above is { } a ? [$"above {Write(a)}"] : Array.Empty<string>(),
            .. most is { } m ? [$"at most {Write(m)}"] : Array.Empty<string>(),
            .. below is { } b ? [$"below {Write(b)}"] : Array.Empty<string>(),
        ];
        return bounds.Length == 0 ? "a number" : $"a number, {string.Join(" and ", bounds)}";
    }
}
