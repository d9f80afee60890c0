using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// Unicode normalisation forms C and D (Unicode Standard Annex 15). Own code because .NET leaves a string unchanged, without a word, where it
/// runs in invariant globalization mode.
/// </summary>
internal static class CanonicalForm
{
    private const int HangulFirst = 0xAC00, HangulLast = 0xD7A3, LeadFirst = 0x1100, VowelFirst = 0x1161, TailFirst = 0x11A7;
    private const int Leads = 19, Vowels = 21, Tails = 28;

    private static readonly Lazy<Tables> Data = new(Tables.Read);

    /// <summary>Canonical composition.</summary>
    public static string Compose(string text) => IsSettled(text) ? text : ToText(Composed(Decomposed(text)));

    /// <summary>Canonical decomposition.</summary>
    public static string Decompose(string text) => System.Text.Ascii.IsValid(text) ? text : ToText(Decomposed(text));

    // Nothing below U+0300 changes under form C; beyond it, only what the tables mark can.
    private static bool IsSettled(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', '\u02FF') < 0)
        {
            return true;
        }

        var unsettled = Data.Value.Unsettled;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value >= 0x300 && unsettled.Contains(rune.Value))
            {
                return false;
            }
        }

        return true;
    }

    private static List<int> Decomposed(string text)
    {
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            AddDecomposed(rune.Value, points);
        }

        SortMarks(points);
        return points;
    }

    private static void AddDecomposed(int point, List<int> into)
    {
        if (point is >= HangulFirst and <= HangulLast)
        {
            var index = point - HangulFirst;
            into.Add(LeadFirst + index / (Vowels * Tails));
            into.Add(VowelFirst + index % (Vowels * Tails) / Tails);
            if (index % Tails > 0)
            {
                into.Add(TailFirst + index % Tails);
            }
        }
        else if (Data.Value.Decompositions.TryGetValue(point, out var parts))
        {
            AddDecomposed(parts.First, into);
            if (parts.Second > 0)
            {
                AddDecomposed(parts.Second, into);
            }
        }
        else
        {
            into.Add(point);
        }
    }

    // Marks between two starters stand in the order of their combining class; equal classes keep theirs.
    private static void SortMarks(List<int> points)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var (point, rank) = (points[i], ClassOf(points[i]));
            var at = i;
            while (rank > 0 && at > 0 && ClassOf(points[at - 1]) > rank)
            {
                points[at] = points[at - 1];
                at--;
            }

            points[at] = point;
        }
    }

    private static List<int> Composed(List<int> points)
    {
        var (kept, starter, lastClass) = (new List<int>(points.Count), -1, -1);
        foreach (var point in points)
        {
            var rank = ClassOf(point);
            var reachesStarter = starter >= 0 && (lastClass < 0 || lastClass < rank);
            if (reachesStarter && Pair(kept[starter], point) is { } composite)
            {
                kept[starter] = composite;
                continue;
            }

            if (rank == 0)
            {
                (starter, lastClass) = (kept.Count, -1);
            }
            else
            {
                lastClass = rank;
            }

            kept.Add(point);
        }

        return kept;
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadFirst and < LeadFirst + Leads && second is >= VowelFirst and < VowelFirst + Vowels)
        {
            return HangulFirst + ((first - LeadFirst) * Vowels + second - VowelFirst) * Tails;
        }

        if (first is >= HangulFirst and <= HangulLast && (first - HangulFirst) % Tails == 0 && second is > TailFirst and < TailFirst + Tails)
        {
            return first + second - TailFirst;
        }

        return Data.Value.Compositions.TryGetValue((first, second), out var composite) ? composite : null;
    }

    private static int ClassOf(int point) => point < 0x300 ? 0 : Data.Value.Classes.GetValueOrDefault(point);

    private static string ToText(List<int> points)
    {
        var text = new StringBuilder(points.Count);
        foreach (var point in points)
        {
            text.Append(new Rune(point).ToString());
        }

        return text.ToString();
    }

    private sealed record Tables(
        Dictionary<int, (int First, int Second)> Decompositions,
        Dictionary<(int First, int Second), int> Compositions,
        Dictionary<int, int> Classes,
        HashSet<int> Unsettled)
    {
        public static Tables Read()
        {
            var tables = new Tables([], [], [], []);
            using var stream = typeof(CanonicalForm).Assembly.GetManifestResourceStream("canonical-decompositions.txt")!;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
            {
                tables.Add(line.Split(' '));
            }

            tables.Unsettled.UnionWith(Enumerable.Range(VowelFirst, Vowels));
            tables.Unsettled.UnionWith(Enumerable.Range(TailFirst + 1, Tails - 1));
            return tables;
        }

        private void Add(string[] fields)
        {
            if (fields[0] is "C" or "D")
            {
                var (point, first, second) = (Hex(fields[1]), Hex(fields[2]), fields.Length > 3 ? Hex(fields[3]) : 0);
                Decompositions[point] = (first, second);
                Unsettled.Add(fields[0] == "C" ? second : point);
                if (fields[0] == "C")
                {
                    Compositions[(first, second)] = point;
                }
            }
            else if (fields[0] == "K")
            {
                for (var point = Hex(fields[1]); point <= Hex(fields[2]); point++)
                {
                    Classes[point] = int.Parse(fields[3], CultureInfo.InvariantCulture);
                    Unsettled.Add(point);
                }
            }
        }

        private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
