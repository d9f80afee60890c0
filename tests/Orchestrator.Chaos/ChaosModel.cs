using System.Text.Json;
using Orchestrator.Training.Quickstart;

namespace Orchestrator.Chaos;

/// <summary>A Llama of some 60,000 parameters and preference pairs from a grammar, made here: a real model, small enough that faults and not arithmetic fill the time.</summary>
internal static class ChaosModel
{
    private const int Reviews = 512;

    /// <summary>Writes "model" and "pairs.jsonl" into the folder.</summary>
    public static void Write(string folder)
    {
        var reviews = Enumerable.Range(0, Reviews).Select(new ReviewGrammar(11).Write).ToArray();
        QuickstartModel.Create(reviews.Select(review => review.Prompt + review.Completion), 5, Path.Combine(folder, "model"), vocabulary: 384, hidden: 48, layers: 2);
        File.WriteAllLines(Path.Combine(folder, "pairs.jsonl"), reviews.Select((review, i) =>
            JsonSerializer.Serialize(new { prompt = review.Prompt, chosen = review.Completion, rejected = reviews[(i + 1) % Reviews].Completion })));
    }
}
