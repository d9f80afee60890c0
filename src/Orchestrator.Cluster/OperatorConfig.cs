using Akka.Configuration;

namespace Orchestrator.Cluster;

/// <summary>Settings of Akka.NET that an operator gives, as HOCON text.</summary>
public static class OperatorConfig
{
    /// <summary>Why the text cannot be used, in words; null where it can.</summary>
    public static string? WhyUnusable(string hocon)
    {
        ArgumentNullException.ThrowIfNull(hocon);
        try
        {
            return Unbalanced(hocon) ?? (ConfigurationFactory.ParseString(hocon).Root.IsObject() || hocon.Trim().Length == 0 ? null : "it holds a value, not keys.");
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return error.GetBaseException().Message;   // the parser throws what comes to hand
        }
    }

    // Akka's parser takes what is cut off, or closed too often, for whole.
    private static string? Unbalanced(string hocon)
    {
        var open = new Stack<int>();
        var (line, at) = (1, 0);
        while (at < hocon.Length)
        {
            var rest = hocon.AsSpan(at);
            var length = rest.StartsWith("#") || rest.StartsWith("//") ? Until(rest, "\n", 0)
                : rest.StartsWith("\"\"\"") ? Until(rest, "\"\"\"", 3)
                : rest[0] == '"' ? Quoted(rest)
                : 1;
            if (rest[0] == '{')
            {
                open.Push(line);
            }
            else if (rest[0] == '}' && !open.TryPop(out _))
            {
                return $"line {line} has a }} that closes nothing.";
            }

            line += rest[..length].Count('\n');
            at += length;
        }

        return open.TryPop(out var unclosed) ? $"the {{ of line {unclosed} is never closed." : null;
    }

    private static int Until(ReadOnlySpan<char> text, string end, int from) => text[from..].IndexOf(end) is >= 0 and var found ? from + found + end.Length : text.Length;

    private static int Quoted(ReadOnlySpan<char> text)
    {
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] is '"' or '\n')
            {
                return i + 1;
            }

            i += text[i] == '\\' ? 1 : 0;
        }

        return text.Length;
    }
}
