namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// Joins texts into one sequence of ids: what the tokenizer puts in front of a text (or, for an empty prompt, the token that begins a text), the
/// prompt's ids, the answer's ids, the end token. What stands in front is not put there twice: not where the text already begins with it, and
/// not where a chat template wrote the text.
/// </summary>
internal sealed class TextEncoder(TextTokenizer tokenizer, DataOptions options)
{
    /// <summary>The prompt's ids, the same for every answer, and how many of them stand in front of its text.</summary>
    public (int[] Ids, int Front) Prompt(TextRow row)
    {
        var ids = tokenizer.Encode(row.Prompt, addSpecialTokens: false);
        var front = row.Seam == Seam.Template ? [] : Front(ids);
        return ([.. front, .. ids], front.Length);
    }

    /// <exception cref="BadRowException">The prompt's ids do not begin those of prompt + answer.</exception>
    public int[] Answer(TextRow row, (int[] Ids, int Front) prompt, string answer, string name)
    {
        if (options.Join == PromptJoin.Separate)
        {
            return Ended(tokenizer.Encode(answer, addSpecialTokens: false));
        }

        var own = prompt.Ids.AsSpan(prompt.Front);
        var whole = tokenizer.Encode(row.Prompt + answer, addSpecialTokens: false);
        return whole.AsSpan().StartsWith(own) ? Ended(whole.AsSpan(own.Length)) : throw AcrossTheSeam(own, whole, name);
    }

    /// <summary>A text that has no prompt: what stands in front, its ids, the end token.</summary>
    public int[] Whole(string text)
    {
        var ids = tokenizer.Encode(text, addSpecialTokens: false);
        return Ended([.. ids.AsSpan().StartsWith(tokenizer.BeginningIds) ? [] : tokenizer.BeginningIds, .. ids]);
    }

    private ReadOnlySpan<int> Front(ReadOnlySpan<int> ids)
    {
        var beginning = tokenizer.BeginningIds;
        return (beginning.Length, ids.Length, tokenizer.BosId) switch
        {
            ( > 0, _, _) => ids.StartsWith(beginning) ? [] : beginning,
            (_, 0, { } bos) => new[] { bos },
            _ => [],
        };
    }

    private int[] Ended(ReadOnlySpan<int> answer)
    {
        if (!options.AddEos)
        {
            return answer.ToArray();
        }

        var end = tokenizer.EosId ?? throw new InvalidDataException("the model's tokenizer names no end token (eos_token). Set data.add_eos to false, or name one in tokenizer_config.json.");
        var last = answer.Length - 1;
        while (last >= 0 && answer[last] != end && string.IsNullOrWhiteSpace(tokenizer.TokenText(answer[last])))
        {
            last--;
        }

        // Some templates write a line end behind the end token: it is there all the same.
        return last >= 0 && answer[last] == end ? answer.ToArray() : [.. answer, end];
    }

    private BadRowException AcrossTheSeam(ReadOnlySpan<int> prompt, ReadOnlySpan<int> whole, string name)
    {
        var same = whole.CommonPrefixLength(prompt);
        return new BadRowException(
            RowProblem.PromptNotATokenPrefix,
            $"a token spans the end of the prompt and the beginning of \"{name}\": prompt token {same} is {Quoted(prompt, same)} alone and {Quoted(whole, same)} before the answer. "
            + "Begin answers with a space or end prompts with a line end, or set data.join to separate");
    }

    private string Quoted(ReadOnlySpan<int> ids, int at) => at < ids.Length ? $"'{tokenizer.TokenText(ids[at])}'" : "absent";
}
