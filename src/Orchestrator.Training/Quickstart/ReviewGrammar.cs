using System.Text;
using Orchestrator.Core;

namespace Orchestrator.Training.Quickstart;

/// <summary>A review that a reader could have written: a neutral opening and what follows it.</summary>
public sealed record Review(string Prompt, string Completion);

/// <summary>
/// Writes short reviews, half of them friendly and half of them not, from a seed: the corpus of a controlled experiment in which the truth is
/// known. After the sentiment experiment of Rafailov et al. 2023, arXiv:2305.18290, section 6, in small.
/// </summary>
public sealed class ReviewGrammar(long seed)
{
    private static readonly (string Thing, string[] Parts)[] Subjects =
    [
        ("film", ["acting", "plot", "music", "ending", "dialogue"]),
        ("book", ["story", "language", "first chapter", "hero", "cover"]),
        ("restaurant", ["food", "service", "soup", "bread", "wine"]),
        ("hotel", ["room", "staff", "breakfast", "view", "bed"]),
        ("phone", ["screen", "battery", "camera", "sound", "keyboard"]),
        ("concert", ["band", "singer", "light", "hall", "opening song"]),
        ("museum", ["guide", "garden", "main hall", "shop", "collection"]),
        ("bicycle", ["saddle", "gear", "frame", "brake", "paint"]),
    ];

    private static readonly string[] Times = ["Last week", "On Monday", "Yesterday", "In spring", "Two days ago", "After work", "With my sister", "On a rainy day"];
    private static readonly string[] Verbs = ["I tried the", "we tried the", "I came back to the", "we chose the", "I finally had the"];
    private static readonly string[] Adverbs = ["really", "quite", "so", "truly", "very"];

    /// <summary>Openings that occur in the corpus: time x verb x subject x part.</summary>
    public static int Openings => Times.Length * Verbs.Length * Subjects.Sum(subject => subject.Parts.Length);

    /// <summary>Opening k of <see cref="Openings"/>; it says nothing good or bad, and ends where the judgement begins.</summary>
    public static string Opening(int index)
    {
        (index, var time) = Math.DivRem(index, Times.Length);
        (index, var verb) = Math.DivRem(index, Verbs.Length);
        var (subject, part) = Parts().ElementAt(index);
        return $"{Times[time]} {Verbs[verb]} {subject}. The {part} was";
    }

    /// <summary>Review <paramref name="number"/> of this seed. Each sentence keeps the review's mood in nine cases of ten.</summary>
    public Review Write(int number)
    {
        var random = new SplitMix64(seed, number);
        var opening = random.Next(Openings);
        var parts = Parts().ElementAt(opening / (Times.Length * Verbs.Length)).Subject;
        var friendly = random.Next(2) == 0;
        var text = new StringBuilder($" {Judgement(random, Mood(random, friendly))}.");
        for (var sentences = 1 + random.Next(2); sentences > 0; sentences--)
        {
            text.Append(' ').Append(Sentence(random, parts, Mood(random, friendly)));
        }

        return new Review(Opening(opening), text.ToString());
    }

    private static IEnumerable<(string Subject, string Part)> Parts() =>
        Subjects.SelectMany(subject => subject.Parts.Select(part => (subject.Thing, part)));

    private static bool Mood(SplitMix64 random, bool friendly) => random.Next(10) == 0 ? !friendly : friendly;

    private static string Judgement(SplitMix64 random, bool friendly)
    {
        var words = friendly ? Sentiment.FriendlyAdjectives : Sentiment.UnfriendlyAdjectives;
        return random.Next(3) switch
        {
            0 => $"{Pick(random, words)} and {Pick(random, words)}",
            1 => $"{Pick(random, Adverbs)} {Pick(random, words)}",
            _ => Pick(random, words),
        };
    }

    private static string Sentence(SplitMix64 random, string subject, bool friendly)
    {
        var other = Pick(random, Subjects.First(s => s.Thing == subject).Parts);
        return random.Next(4) switch
        {
            0 => $"I {Pick(random, friendly ? Sentiment.FriendlyVerbs : Sentiment.UnfriendlyVerbs)} the {other}.",
            1 => $"Everyone found the {other} {Judgement(random, friendly)}.",
            2 => $"The {other} was {Judgement(random, friendly)} too.",
            _ => $"It is {(friendly ? "worth" : "not worth")} the price.",
        };
    }

    private static string Pick(SplitMix64 random, IReadOnlyList<string> words) => words[random.Next(words.Count)];
}
