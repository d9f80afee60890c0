namespace Orchestrator.Training.Data.Rows;

/// <summary>The rules of <see cref="TruncationMode"/> as pure functions of lengths.</summary>
internal static class Truncation
{
    /// <param name="prompt">Tokens of the prompt, > 0.</param>
    /// <param name="keepsEnd">Whether <see cref="TruncationMode.Paper"/> keeps the end of this row's prompt.</param>
    /// <exception cref="BadRowException">Nothing of an answer is left.</exception>
    public static Kept Cut(int prompt, int chosen, int rejected, DataOptions options, bool keepsEnd)
    {
        var kept = options.TruncationMode switch
        {
            TruncationMode.Paper => Paper(prompt, chosen, rejected, options, keepsEnd),
            TruncationMode.KeepEnd => KeepEnd(prompt, chosen, rejected, options),
            _ => KeepStart(prompt, chosen, rejected, options),
        };
        return kept.Chosen > 0 && (kept.Rejected > 0 || rejected == 0)
            ? kept
            : throw new BadRowException(RowProblem.TooLong, $"the prompt has {kept.Prompt} tokens, which leaves no room for an answer in max_length ({options.MaxLength})");
    }

    private static Kept KeepStart(int prompt, int chosen, int rejected, DataOptions options)
    {
        var kept = Math.Min(prompt, options.MaxPromptLength ?? prompt);
        return Fit(prompt - kept, kept, chosen, rejected, options.MaxLength);
    }

    private static Kept KeepEnd(int prompt, int chosen, int rejected, DataOptions options)
    {
        var room = options.MaxLength is { } most ? Math.Max(1, most - Math.Max(chosen, rejected)) : prompt;
        var kept = Math.Min(Math.Min(prompt, options.MaxPromptLength ?? prompt), room);
        return Fit(prompt - kept, kept, chosen, rejected, options.MaxLength);
    }

    private static Kept Paper(int prompt, int chosen, int rejected, DataOptions options, bool keepsEnd)
    {
        var (most, longer) = (options.MaxLength!.Value, Math.Max(chosen, rejected));
        if (prompt + longer <= most)
        {
            return new Kept(0, prompt, chosen, rejected);
        }

        var mostOfPrompt = options.MaxPromptLength ?? most / 2;
        var kept = Math.Min(prompt, mostOfPrompt);
        var answers = kept + longer > most ? most - mostOfPrompt : longer;
        return new Kept(keepsEnd ? prompt - kept : 0, kept, Math.Min(chosen, answers), Math.Min(rejected, answers));
    }

    private static Kept Fit(int start, int prompt, int chosen, int rejected, int? most)
    {
        var room = most is { } length ? Math.Max(0, length - prompt) : int.MaxValue;
        return new Kept(start, prompt, Math.Min(chosen, room), Math.Min(rejected, room));
    }
}
