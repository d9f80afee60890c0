using System.Collections.Immutable;
using Orchestrator.Training.Data;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "data": the pairs, how they become tokens, and how many make a step.</summary>
public static class DataKeys
{
    private const string Section = "data";

    public static readonly Key<ImmutableArray<DataSource>> Train = new(Section, "train",
        DataSource.Kind("a file of pairs (.jsonl, .json, also .gz, .parquet), a folder or a pattern of such files, or a list of them, each perhaps as {path: FILE, weight: NUMBER}"), [],
        "Preference pairs to train on, for sft also prompts with completions or messages, for kto those with a label; weights mix the sources in that proportion.")
    {
        Required = true,
        Aliases = ["datasets", "dataset_name"],
    };

    public static readonly Key<string> StoppingStrategy = new(Section, "stopping_strategy", Kinds.Choice(["first_exhausted", "all_exhausted"]), "first_exhausted",
        "With weights an epoch ends when the first source is used up (the others go on in the next epoch), or when all are (the smaller come again).");

    public static readonly Key<double?> TestSplitSize = new(Section, "test_split_size", Kinds.Number(above: 0, below: 1).OrNull("none"), null,
        "Share of the rows held out of train to evaluate on, by their prompts and the seed; rows of one prompt stay together.")
    {
        Aliases = ["eval_split"],
    };

    public static readonly Key<ImmutableArray<(string Name, string File)>> Eval = new(Section, "eval",
        Kinds.NamedLocations("a file of pairs, or named files as {name: FILE}, or null"), [],
        "Held-out pairs; a named set gives metrics eval_<name>_loss and so on.")
    {
        ChangesResult = false,
        Aliases = ["eval_dataset"],
    };

    public static readonly Key<string> Format = new(Section, "format", Kinds.Choice(["auto", .. RowFormats.Names]), "auto",
        "What a row looks like; auto lets each row's fields decide.");

    public static readonly Key<ImmutableSortedDictionary<string, string>> Columns = new(Section, "columns", Kinds.Renames("names as {prompt: question}, or null"),
        ImmutableSortedDictionary<string, string>.Empty, "What the rows call a field, where they have another name for it.");

    public static readonly Key<string> RejectedChoice = new(Section, "rejected_choice", Kinds.Choice(["worst", "random"]), "worst",
        "Rankings of several answers: the best is held against the worst, or against a lower one picked by the seed.");

    public static readonly Key<int?> MaxLength = new(Section, "max_length", Kinds.Whole(2, 1 << 20).OrNull("no limit"), 512,
        "Tokens of prompt and completion together; longer ones are truncated.");

    public static readonly Key<int?> MaxPromptLength = new(Section, "max_prompt_length", Kinds.Whole(1, 1 << 20).OrNull("no limit of its own"), null,
        "Tokens of the prompt; a longer one keeps its end. With truncation_mode paper it is cut by the authors' rule, and null is half of max_length.");

    public static readonly Key<string> TruncationMode = new(Section, "truncation_mode", Kinds.Choice(["keep_start", "keep_end", "paper"]), "keep_start",
        "What a row that is too long keeps; paper: the rule of the DPO authors' code.");

    public static readonly Key<string> PromptJoin = new(Section, "prompt_join", Kinds.Choice(["joined", "separate"]), "joined",
        "Encode prompt and completion as one text, or, as the authors' code, one by one.");

    public static readonly Key<string> OnBadRow = new(Section, "on_bad_row", Kinds.Choice(["skip", "fail"]), "skip",
        "A row that cannot be used is counted and skipped, or ends the run.");

    public static readonly Key<string> ChatTemplate = new(Section, "chat_template", Kinds.WordOrLocation("auto, transcript, none, or a template file or model folder", "auto", "transcript", "none"), "auto",
        "How conversations become text: the model's own template (auto; \"Human: ... Assistant: ...\" where it has none), such transcripts, another template, or not at all.");

    public static readonly Key<string?> CacheDirectory = new(Section, "cache_dir", Kinds.WordOrLocation("a folder, or none", "none").OrNull("tokens beside output_dir"), null,
        "Where tokens are kept for the next run on the same files, tokenizer, template and settings; it may be deleted at any time.")
    {
        ChangesResult = false,
    };

    public static readonly Key<bool> AddEos = new(Section, "add_eos", Kinds.Flag, true,
        "End each completion with the tokenizer's end token unless it is there.");

    public static readonly Key<int> PairsPerStep = new(Section, "pairs_per_step", Kinds.Whole(1, 1 << 20), 64,
        "Pairs of one optimizer step, whatever the number of workers.");

    public static readonly Key<int?> PairsPerLeaf = new(Section, "pairs_per_leaf", Kinds.AutoOr(Kinds.Whole(1, 1 << 16)), 8,
        "Pairs of one forward and backward; smaller needs less memory. auto: the most that fit into a worker's memory (see orchestrator plan), decided once, when the run starts.");

    public static readonly Key<bool> Shuffle = new(Section, "shuffle", Kinds.Flag, true, "Visit the pairs in a new order each epoch, by the seed.");

    public static ImmutableArray<Key> All { get; } =
        [Train, StoppingStrategy, TestSplitSize, Eval, Format, Columns, RejectedChoice, MaxLength, MaxPromptLength, TruncationMode, PromptJoin, OnBadRow, ChatTemplate, CacheDirectory, AddEos, PairsPerStep, PairsPerLeaf, Shuffle];
}
