using System.Diagnostics.CodeAnalysis;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>A dict, in order of insertion. Keys are None, booleans, numbers and strings, equal as in Python: 1, 1.0 and True are one key.</summary>
internal sealed class DictValue : Container
{
    private readonly OrderedDictionary<Key, object?> _entries = [];

    public DictValue(IEnumerable<KeyValuePair<object?, object?>> entries)
    {
        foreach (var (key, value) in entries)
        {
            _entries[Key.Of(key)] = value;
        }

        foreach (var (key, value) in _entries)
        {
            Weigh(key.Value);
            Weigh(value);
        }
    }

    public static DictValue OfNames(IEnumerable<KeyValuePair<string, object?>> entries) =>
        new(entries.Select(entry => new KeyValuePair<object?, object?>(entry.Key, entry.Value)));

    public int Count => _entries.Count;

    public IReadOnlyList<object?> Keys => [.. _entries.Keys.Select(key => key.Value)];

    public IReadOnlyList<object?> Values => [.. _entries.Values];

    public IReadOnlyList<object?> Pairs => [.. _entries.Select(entry => new TupleValue([entry.Key.Value, entry.Value]))];

    public IEnumerable<KeyValuePair<object?, object?>> Entries => _entries.Select(entry => new KeyValuePair<object?, object?>(entry.Key.Value, entry.Value));

    public bool TryGet(object? key, [MaybeNullWhen(false)] out object? value) => _entries.TryGetValue(Key.Of(key), out value);

    private readonly struct Key(object? value, object identity) : IEquatable<Key>
    {
        public object? Value => value;

        private object Identity => identity;

        public static Key Of(object? value) => new(value, value switch
        {
            null => typeof(Key),
            bool flag => flag ? 1L : 0L,
            double real when Math.Abs(real) < 1e18 && real == Math.Floor(real) => (long)real,
            Markup markup => markup.Text,
            long or double or string => value,
            _ => throw new TemplateError($"{Describe.Kind(value)} cannot be a key of a dict."),
        });

        public bool Equals(Key other) => identity.Equals(other.Identity);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode() => identity.GetHashCode();
    }
}
