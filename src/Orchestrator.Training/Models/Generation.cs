using Orchestrator.Core;

namespace Orchestrator.Training.Models;

/// <summary>Continues prompts with a model, many at a time, each token's keys and values computed once.</summary>
public static class Generation
{
    /// <returns>For each prompt its new ids, the end token included where it came.</returns>
    /// <param name="prompts">At least one id each, all within the vocabulary; lengths may differ.</param>
    /// <exception cref="ArgumentException">A prompt is empty, has an id beyond the vocabulary, or is too long for the model's positions.</exception>
    /// <remarks>Belongs on the model's device thread. Prompts are padded on the left, so that the last token of all stands in one column.</remarks>
    public static int[][] Generate(CausalLM model, IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellation = default)
    {
        Check(model, prompts, options);
        var all = new int[prompts.Count][];

        // Prompts of like length go together: little padding, and results do not depend on the order.
        foreach (var batch in Enumerable.Range(0, prompts.Count).OrderBy(row => prompts[row].Length).ThenBy(row => row).Chunk(options.RowsAtOnce))
        {
            using var rows = new GenerationBatch(model, [.. batch.Select(row => prompts[row])], [.. batch.Select(row => new SplitMix64(options.Seed, row))], options);
            var results = rows.Run(cancellation);
            for (var i = 0; i < batch.Length; i++)
            {
                all[batch[i]] = results[i];
            }
        }

        return all;
    }

    private static void Check(CausalLM model, IReadOnlyList<int[]> prompts, GenerationOptions options)
    {
        var limit = model.Spec.PositionEmbedding is null ? int.MaxValue : model.Spec.MaxPositions;
        for (var row = 0; row < prompts.Count; row++)
        {
            if (prompts[row].Length == 0)
            {
                throw new ArgumentException($"Prompt {row} has no tokens, and a model continues at least one. Begin with the tokenizer's start token.");
            }

            if (Array.FindIndex(prompts[row], id => id < 0 || id >= model.Spec.Vocabulary) is >= 0 and var at)
            {
                throw new ArgumentException($"Prompt {row} has id {prompts[row][at]}, and the model's vocabulary has {model.Spec.Vocabulary} tokens. Use the model's own tokenizer.");
            }

            if (prompts[row].Length + (long)options.MaxNewTokens - 1 > limit)
            {
                throw new ArgumentException(
                    $"Prompt {row} has {prompts[row].Length} tokens and {options.MaxNewTokens} are to follow, and this model has positions for {limit}. Shorten one of them.");
            }
        }
    }
}
