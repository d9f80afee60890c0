using Orchestrator.Core;

namespace Orchestrator.Training.Data.Rows;

/// <summary>An answer of a ranking. A score that is not there is null.</summary>
internal readonly record struct RankedAnswer(string Text, double? Score);

/// <summary>A prompt with several answers, of which a pair is still to be picked.</summary>
internal sealed record RankedRow(ChatMessage[] Prompt, RankedAnswer[] Answers) : Row
{
    public override Row WithoutRejected() => new MessagesRow(Prompt, Answer(Best(1)), null) { TemplateVariables = TemplateVariables };

    /// <summary>The answer of the highest score against the lowest, or against any lower one. Of equal ones the first is taken.</summary>
    /// <param name="place">Of the row: with the seed it decides which lower answer, whatever was read before.</param>
    /// <exception cref="BadRowException">Fewer than two answers have a score, or all have the same.</exception>
    public MessagesRow Pair(RejectedChoice choice, long seed, long place)
    {
        var best = Best(2);
        RankedAnswer[] lower = [.. Answers.Where(answer => answer.Score < best.Score)];
        if (lower.Length == 0)
        {
            throw new BadRowException(RowProblem.Tie, $"no answer is the better one: all scores are {best.Score}");
        }

        var rejected = choice == RejectedChoice.Worst ? lower.MinBy(answer => answer.Score) : lower[new SplitMix64(seed, place).Next(lower.Length)];
        return new MessagesRow(Prompt, Answer(best), Answer(rejected)) { RewardMargin = best.Score - rejected.Score, TemplateVariables = TemplateVariables };
    }

    private RankedAnswer Best(int needed) => Answers.Count(answer => answer.Score is not null) is var scored && scored >= needed
        ? Answers.MaxBy(answer => answer.Score ?? double.NegativeInfinity)
        : throw new BadRowException(RowProblem.MissingScore, $"{scored} of {Answers.Length} answers {(scored == 1 ? "has" : "have")} a score; needed: {needed}");

    private static ChatMessage[] Answer(RankedAnswer answer) => [new ChatMessage("assistant", answer.Text)];
}
