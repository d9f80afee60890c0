namespace Orchestrator.Host.RunFile;

/// <summary>A value that does not fit its key; the message says what it is and, where it helps, what was probably meant.</summary>
public sealed class ValueException(string message) : Exception(message);

/// <summary>What values a key takes: how one is read, how it is written back, and what is said where another stands there.</summary>
/// <param name="Needed">Completes "... is needed": "a whole number from 1 to 64".</param>
/// <param name="Read">Throws <see cref="ValueException"/> or returns null where the value does not fit; the folder resolves relative paths.</param>
/// <param name="Write">One YAML value on one line.</param>
public sealed record ValueKind<T>(string Needed, Func<YamlValue, string, T> Read, Func<T, string> Write);

/// <summary>Kinds whose value may be null, written as null or left empty.</summary>
public static class Nullable
{
    /// <param name="kind">What stands there otherwise.</param>
    /// <param name="meaning">What null stands for.</param>
    public static ValueKind<T?> OrNull<T>(this ValueKind<T> kind, string meaning)
        where T : struct => new(
            $"{kind.Needed}, or null ({meaning})",
            (value, folder) => value.IsNull ? null : kind.Read(value, folder),
            value => value is { } some ? kind.Write(some) : "null");

    /// <inheritdoc cref="OrNull{T}"/>
    public static ValueKind<string?> OrNull(this ValueKind<string> kind, string meaning) => new(
        $"{kind.Needed}, or null ({meaning})",
        (value, folder) => value.IsNull ? null : kind.Read(value, folder),
        value => value is null ? "null" : kind.Write(value));
}
