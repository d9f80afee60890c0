namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python counts a string's characters, C# its UTF-16 units. They differ where a character takes a pair of surrogates.</summary>
internal static class CodePoints
{
    public static int Count(string text) => text.Length - PairsBefore(text, text.Length);

    /// <summary>The number of characters before a unit.</summary>
    public static int FromUnit(string text, int unit) => unit - PairsBefore(text, unit);

    /// <summary>The unit at which a character begins.</summary>
    public static int ToUnit(string text, int character)
    {
        if (!HasSurrogates(text))
        {
            return Math.Min(character, text.Length);
        }

        var unit = 0;
        for (var passed = 0; passed < character && unit < text.Length; passed++)
        {
            unit += IsPair(text, unit) ? 2 : 1;
        }

        return unit;
    }

    public static IReadOnlyList<object?> Split(string text)
    {
        var characters = new List<object?>(text.Length);
        for (var unit = 0; unit < text.Length;)
        {
            var length = IsPair(text, unit) ? 2 : 1;
            characters.Add(text.Substring(unit, length));
            unit += length;
        }

        return characters;
    }

    private static bool HasSurrogates(string text) => text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;

    private static int PairsBefore(string text, int end)
    {
        if (!HasSurrogates(text))
        {
            return 0;
        }

        var pairs = 0;
        for (var unit = 0; unit + 1 < end; unit++)
        {
            if (IsPair(text, unit))
            {
                pairs++;
                unit++;
            }
        }

        return pairs;
    }

    private static bool IsPair(string text, int unit) =>
        char.IsHighSurrogate(text[unit]) && unit + 1 < text.Length && char.IsLowSurrogate(text[unit + 1]);
}
