using System.Collections.Immutable;

namespace Orchestrator.Training.Data;

/// <summary>Why a row is of no use. <see cref="RowProblems.NameOf"/> gives the name that reports use.</summary>
public enum RowProblem
{
    /// <summary>The line is no JSON, or is longer than a row may be.</summary>
    BrokenJson,

    /// <summary>A field that the row's format needs is not there.</summary>
    MissingField,

    /// <summary>A field, or the row itself, is of another type than its format says.</summary>
    WrongType,

    /// <summary>An answer has no text but white space, or no tokens.</summary>
    EmptyCompletion,

    /// <summary>The prompt has no tokens and the model has no token that begins a text: nothing predicts an answer's first token.</summary>
    EmptyPrompt,

    /// <summary>Chosen and rejected are the same.</summary>
    SameAnswers,

    /// <summary>The scores of a row's answers are equal: none is the better one.</summary>
    Tie,

    /// <summary>Scores decide between the answers, and one is not there.</summary>
    MissingScore,

    /// <summary>The answer that the row calls the better one has the lower score.</summary>
    ScoresContradict,

    /// <summary>The two answers do not continue the same prompt.</summary>
    PromptMismatch,

    /// <summary>A token spans the seam between prompt and answer.</summary>
    PromptNotATokenPrefix,

    /// <summary>Nothing of an answer is left within max_length.</summary>
    TooLong,

    /// <summary>The chat template refused the conversation.</summary>
    TemplateRefused,

    /// <summary>An id is negative or beyond the model's vocabulary.</summary>
    IdOutOfRange,
}

/// <summary>The names of the problems, and what to do about each.</summary>
public static class RowProblems
{
    private static readonly ImmutableDictionary<RowProblem, string> Names =
        Enum.GetValues<RowProblem>().ToImmutableDictionary(problem => problem, problem => SnakeCase(problem.ToString()));

    /// <summary>As reports say it: "broken_json".</summary>
    public static string NameOf(RowProblem problem) => Names[problem];

    private static string SnakeCase(string name) =>
        string.Concat(name.Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : char.ToLowerInvariant(letter).ToString()));
}

/// <summary>Raised while one row is read or encoded: that row is skipped and counted, or all of them are fatal.</summary>
internal sealed class BadRowException(RowProblem problem, string detail) : Exception(detail)
{
    public RowProblem Problem { get; } = problem;
}
