namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// The prompt of rows that do not name one: what both answers begin with. The rule, for texts (TRL's): the longest common prefix, which leaves
/// at least one character of each answer, and without the space it may end with, which then begins the answers:
/// "The sky is blue." and "The sky is green." give "The sky is", " blue." and " green.".
/// Where the common prefix ends inside a word, so that a token would span the seam, the encoder moves the seam back to the white space before
/// that word, and on to earlier words: "The sky is blue." and "The sky is black." give "The sky is", " blue." and " black.".
/// For conversations: the turns that both begin with.
/// </summary>
internal static class ImplicitPrompt
{
    private const int WordsTried = 8;

    public static int Boundary(string chosen, string rejected)
    {
        var shorter = Math.Min(chosen.Length, rejected.Length);
        var at = Math.Max(0, Math.Min(chosen.AsSpan().CommonPrefixLength(rejected), shorter - 1));
        if (at > 0 && chosen[at - 1] == ' ')
        {
            at--;
        }

        return at > 0 && char.IsHighSurrogate(chosen[at - 1]) ? at - 1 : at;
    }

    /// <summary>The places to part a text of which <paramref name="boundary"/> characters are shared, best first.</summary>
    public static IEnumerable<int> Seams(string text, int boundary)
    {
        yield return boundary;
        for (var (at, words) = (boundary, 0); at > 0 && words < WordsTried; words++)
        {
            while (at > 0 && !char.IsWhiteSpace(text[at - 1]))
            {
                at--;
            }

            while (at > 0 && char.IsWhiteSpace(text[at - 1]))
            {
                at--;
            }

            yield return at;
        }
    }

    public static int SharedTurns(ChatMessage[] chosen, ChatMessage[] rejected)
    {
        var (turns, most) = (0, Math.Min(chosen.Length, rejected.Length));
        while (turns < most && Same(chosen[turns], rejected[turns]))
        {
            turns++;
        }

        return turns;
    }

    public static bool Same(ChatMessage one, ChatMessage other) =>
        one.Role == other.Role && one.Content == other.Content
        && (one.Json, other.Json) switch
        {
            ({ } first, { } second) => System.Text.Json.JsonElement.DeepEquals(first, second),
            _ => true,
        };
}
