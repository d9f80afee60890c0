using Orchestrator.Training.Data;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Quickstart;

/// <summary>What a model wrote after an opening.</summary>
/// <param name="PromptIds">The opening's tokens.</param>
/// <param name="Ids">The completion's tokens, its end token included where it came.</param>
public sealed record ReviewSample(string Prompt, string Completion, int[] PromptIds, int[] Ids)
{
    /// <summary><see cref="Sentiment.Reward"/> of the completion.</summary>
    public double Reward { get; } = Sentiment.Reward(Completion);
}

/// <summary>A preference pair as a line of a preference file says it.</summary>
public sealed record ReviewPair(string Prompt, string Chosen, string Rejected);

/// <summary>Lets a model write reviews, and labels pairs of them by the ground truth.</summary>
public static class ReviewSamples
{
    private const int LongestCompletion = 48;

    /// <summary>Completions for each prompt, prompt by prompt. Belongs on the model's device thread.</summary>
    public static IReadOnlyList<ReviewSample> Draw(CausalLM model, TextTokenizer tokenizer, IReadOnlyList<string> prompts, int each, long seed, CancellationToken cancellation)
    {
        var rows = prompts.SelectMany(prompt => Enumerable.Repeat((Text: prompt, Ids: tokenizer.Encode(prompt, addSpecialTokens: true)), each)).ToArray();
        var options = new GenerationOptions { MaxNewTokens = LongestCompletion, Seed = seed, EosId = tokenizer.EosId, RowsAtOnce = 128 };
        var written = Generation.Generate(model, [.. rows.Select(row => row.Ids)], options, cancellation);
        return [.. rows.Zip(written, (row, ids) => new ReviewSample(row.Text, tokenizer.Decode(ids), row.Ids, ids))];
    }

    /// <summary>
    /// For each prompt the friendliest completion is chosen and the least friendly one rejected; prompts whose completions are equally friendly
    /// give no pair.
    /// </summary>
    public static IEnumerable<ReviewPair> Label(IEnumerable<ReviewSample> samples)
    {
        foreach (var group in samples.GroupBy(sample => sample.Prompt, StringComparer.Ordinal))
        {
            var (best, worst) = (group.MaxBy(sample => sample.Reward)!, group.MinBy(sample => sample.Reward)!);
            if (best.Reward > worst.Reward)
            {
                yield return new ReviewPair(group.Key, best.Completion, worst.Completion);
            }
        }
    }
}
