namespace Orchestrator.Training.Data.Rows;

/// <summary>Turns a row's texts into ids. Thread-safe. The tokenizer and the chat format are only asked for where a row needs them.</summary>
internal sealed class RowEncoder(TextTokenizer? tokenizer, IChatFormat? chat, DataOptions options)
{
    /// <exception cref="BadRowException">The row is of no use.</exception>
    /// <exception cref="InvalidDataException">The model has no tokenizer, end token or chat template, and the row needs it.</exception>
    public EncodedRow Encode(Row row)
    {
        var encoded = (options is { CompletionsPerRow: 1, Labels: false } ? row.WithoutRejected() : row) switch
        {
            IdsRow ids => new EncodedRow(ids.Prompt, ids.Chosen, ids.Rejected ?? []),
            MessagesRow messages => Encode(Render(messages)),
            TextRow text => Encode(text),
            var other => throw new NotSupportedException(other.GetType().Name),
        };
        return Checked(encoded with { Label = row.Label, RewardMargin = options.RewardMargins ? row.RewardMargin : null });
    }

    private EncodedRow Checked(EncodedRow row)
    {
        NotEmpty(row.Chosen, "chosen");
        if (options.CompletionsPerRow == 2 || (options.Labels && row.Label is null))
        {
            NotEmpty(row.Rejected, "rejected");
        }

        if (row.Prompt.Length == 0)
        {
            throw new BadRowException(RowProblem.EmptyPrompt, "the prompt has no tokens, so nothing predicts an answer's first token");
        }

        if (row.Chosen.AsSpan().SequenceEqual(row.Rejected))
        {
            throw new BadRowException(RowProblem.SameAnswers, "\"chosen\" and \"rejected\" are the same");
        }

        InRange(row.Prompt, "prompt");
        InRange(row.Chosen, "chosen");
        InRange(row.Rejected, "rejected");
        return row;
    }

    private TextRow Render(MessagesRow row)
    {
        if (chat is null)
        {
            throw new InvalidDataException("the row is a conversation, and no chat template is given to write it as text. Set data.chat_template to auto (the model's own), to a template file, or to transcript for \"\\n\\nHuman: ... \\n\\nAssistant: ...\".");
        }

        var (prompt, chosen, rejected) = ChatRows.Render(chat, row);
        return new TextRow(prompt, chosen, rejected, chat.WritesSpecialTokens ? Seam.Template : Seam.Given);
    }

    private EncodedRow Encode(TextRow row)
    {
        NotEmpty(row.Chosen, "chosen");
        NotEmpty(row.Rejected ?? "one answer", "rejected");
        if (row.Chosen == row.Rejected)
        {
            throw new BadRowException(RowProblem.SameAnswers, "\"chosen\" and \"rejected\" are the same");
        }

        var text = new TextEncoder(tokenizer ?? throw new InvalidDataException("the row is text, and the model's directory has no tokenizer. Give it one, or rows of ids."), options);
        return row.Seam switch
        {
            Seam.Shared => Shared(text, row),
            Seam.FirstToken => FirstToken(text, row),
            _ => Answers(text, row, text.Prompt(row)),
        };
    }

    private EncodedRow Shared(TextEncoder text, TextRow row)
    {
        BadRowException? first = null;
        var (chosen, rejected) = (row.Prompt + row.Chosen, row.Prompt + row.Rejected);
        foreach (var seam in ImplicitPrompt.Seams(chosen, row.Prompt.Length))
        {
            try
            {
                var parted = new TextRow(chosen[..seam], chosen[seam..], rejected[seam..]);
                return Answers(text, parted, text.Prompt(parted));
            }
            catch (BadRowException problem) when (problem.Problem == RowProblem.PromptNotATokenPrefix)
            {
                first ??= problem;
            }
        }

        throw first!;
    }

    private static EncodedRow Answers(TextEncoder text, TextRow row, (int[] Ids, int Front) prompt) => new(
        prompt.Ids, text.Answer(row, prompt, row.Chosen, "chosen"), row.Rejected is null ? [] : text.Answer(row, prompt, row.Rejected, "rejected"));

    private static EncodedRow FirstToken(TextEncoder text, TextRow row)
    {
        var ids = text.Whole(row.Chosen);
        return ids.Length > 1 ? new EncodedRow(ids[..1], ids[1..], []) : throw new BadRowException(RowProblem.EmptyCompletion, "the text has one token; needed: two");
    }

    private static void NotEmpty(string answer, string name)
    {
        if (string.IsNullOrWhiteSpace(answer))
        {
            throw new BadRowException(RowProblem.EmptyCompletion, $"\"{name}\" has no text");
        }
    }

    private static void NotEmpty(int[] answer, string name)
    {
        if (answer.Length == 0)
        {
            throw new BadRowException(RowProblem.EmptyCompletion, $"\"{name}\" has no tokens");
        }
    }

    private void InRange(int[] ids, string name)
    {
        var most = options.VocabularySize ?? int.MaxValue;
        foreach (var id in ids)
        {
            if (id < 0 || id >= most)
            {
                throw new BadRowException(RowProblem.IdOutOfRange, $"\"{name}\" holds id {id}; the model's ids are 0 to {most - 1}");
            }
        }
    }
}
