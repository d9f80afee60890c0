using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Training.Data;

/// <summary>What a row that is too long loses. P, C and R are the tokens of the prompt and of the two answers; max_length is M.</summary>
public enum TruncationMode
{
    /// <summary>
    /// Every sequence keeps its first M tokens, so an answer loses its end; a row whose prompt alone fills M has nothing left of its answers
    /// and is dropped. A prompt longer than max_prompt_length first keeps its last max_prompt_length tokens, as TRL did while it had that key:
    /// the last question of a chat stands there.
    /// M = 6, P = 4, C = 3, R = 1: the prompt stays, chosen keeps 2 tokens, rejected 1.
    /// </summary>
    KeepStart,

    /// <summary>
    /// The prompt loses its start until the longer answer fits, down to one token; then answers lose their end. A prompt longer than
    /// max_prompt_length first keeps its last max_prompt_length tokens.
    /// M = 6, P = 4, C = 3, R = 1: the prompt keeps its last 3 tokens, both answers stay whole.
    /// </summary>
    KeepEnd,

    /// <summary>
    /// The paper's code: only where P + max(C, R) > M, the prompt is cut to max_prompt_length (its end for transcripts and conversations, its
    /// start for others); if that is still too long, both answers are cut to M - max_prompt_length, however short the prompt is.
    /// M = 6, max_prompt_length 3, P = 2, C = 5, R = 1: chosen keeps 3 tokens (not 4), the rest stays.
    /// </summary>
    Paper,
}

/// <summary>How the text of a prompt and of an answer become tokens of one sequence.</summary>
public enum PromptJoin
{
    /// <summary>
    /// The answer's tokens are those of prompt + answer behind the prompt's own, as the model would see the text in the wild. A row whose
    /// prompt's tokens do not begin prompt + answer (a token spans the seam) is a problem of that row.
    /// </summary>
    Joined,

    /// <summary>Prompt and answer are encoded one by one, as the paper's code does: no row fails, but the seam may look unlike natural text.</summary>
    Separate,
}

/// <summary>Which answer of a ranking is held against its best one.</summary>
public enum RejectedChoice
{
    /// <summary>The one of the lowest score.</summary>
    Worst,

    /// <summary>One of those with a lower score, picked by the seed.</summary>
    Random,
}

/// <summary>Section "data" of the run file, as far as it decides how rows become tokens. Checked before any file is opened.</summary>
public sealed record DataOptions
{
    /// <summary>2: pairs. 1: prompt and completion (SFT); pairs then give their chosen answer. The objective decides it.</summary>
    [Range(1, 2)]
    public int CompletionsPerRow { get; init; } = 2;

    /// <summary>
    /// With one completion a row: each bears a label, true for a desirable completion (KTO). Pairs then give two rows, the chosen answer as desirable
    /// and the rejected one as not; they are truncated together.
    /// </summary>
    public bool Labels { get; init; }

    /// <summary>Each pair bears a margin of rewards (<see cref="RowNote.RewardMargin"/>), for losses that compare with it.</summary>
    public bool RewardMargins { get; init; }

    /// <summary>Tokens of prompt + answer at most, usually 512 to 2048; null: no limit.</summary>
    [Range(2, int.MaxValue)]
    public int? MaxLength { get; init; } = 512;

    /// <summary>Tokens of a prompt at most, its last ones (<see cref="TruncationMode.Paper"/> by its own rule); null: no limit of its own, and half of <see cref="MaxLength"/> for <see cref="TruncationMode.Paper"/>.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxPromptLength { get; init; }

    public TruncationMode TruncationMode { get; init; } = TruncationMode.KeepStart;

    /// <summary>End every answer that is a text with the end token, unless it already ends with it. Rows of ids are taken as they are.</summary>
    public bool AddEos { get; init; } = true;

    public PromptJoin Join { get; init; } = PromptJoin.Joined;

    /// <summary>The format of every row by its name (<see cref="RowFormats.Names"/>); "auto": each row's fields decide, and formats may be mixed.</summary>
    public string Format { get; init; } = "auto";

    /// <summary>Rankings of several answers: which one is the rejected answer of the pair.</summary>
    public RejectedChoice RejectedChoice { get; init; } = RejectedChoice.Worst;

    /// <summary>Decides what is picked at random.</summary>
    public long Seed { get; init; }

    /// <summary>True: bad rows end the preparation with one message that counts them. False: they are skipped and counted.</summary>
    public bool FailOnBadRow { get; init; }

    /// <summary>Ids must be below this: the rows of the model's embedding. Null: not checked.</summary>
    [Range(1, int.MaxValue)]
    public int? VocabularySize { get; init; }

    /// <summary>What to call a row's fields where they have other names: ("prompt", "question") reads the prompt from "question".</summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = new Dictionary<string, string>();

    /// <exception cref="ArgumentException">A value is out of its range, or two do not fit; the message says which.</exception>
    public void Check()
    {
        var problems = new List<ValidationResult>();
        Validator.TryValidateObject(this, new ValidationContext(this), problems, validateAllProperties: true);
        if (MaxPromptLength >= MaxLength)
        {
            problems.Add(new ValidationResult($"max_prompt_length is {MaxPromptLength}, which leaves no room for an answer in max_length ({MaxLength}). Use a smaller one"));
        }

        if (Labels && CompletionsPerRow != 1)
        {
            problems.Add(new ValidationResult("labels belong to rows of one completion"));
        }

        if (RewardMargins && CompletionsPerRow != 2)
        {
            problems.Add(new ValidationResult("reward margins belong to pairs"));
        }

        if (Format != "auto" && !RowFormats.Names.Contains(Format))
        {
            problems.Add(new ValidationResult($"format is \"{Format}\"; use auto or one of {string.Join(", ", RowFormats.Names)}"));
        }

        if (TruncationMode == TruncationMode.Paper && MaxLength is null)
        {
            problems.Add(new ValidationResult("truncation_mode paper needs max_length"));
        }

        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", problems.Select(problem => problem.ErrorMessage)) + ".");
        }
    }
}
