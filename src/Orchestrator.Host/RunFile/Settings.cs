using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>A run file that was read and checked: a value for every key.</summary>
/// <param name="Source">The run file's path, or what else names it in messages.</param>
/// <param name="Values">By key; a key that is not here has its default.</param>
/// <param name="Places">Where the values stand.</param>
public sealed record Settings(string Source, ImmutableDictionary<Key, object?> Values, ImmutableDictionary<Key, Place> Places)
{
    public T Of<T>(Key<T> key) => (T)Value(key)!;

    public object? Value(Key key) => Values.TryGetValue(key, out var value) ? value : key.DefaultValue;

    /// <summary>Where the key was written; the run file as a whole where it was not.</summary>
    public Place PlaceOf(Key key) => Places.GetValueOrDefault(key) ?? new Place(Source);

    public Settings With<T>(Key<T> key, T value) => this with { Values = Values.SetItem(key, value) };

    /// <summary>The first key that changes the weights and differs, or null.</summary>
    public Key? FirstDifferenceInResult(Settings other) =>
        Keys.All.FirstOrDefault(key => key.ChangesResult && key.Write(Value(key)) != key.Write(other.Value(key)));
}
