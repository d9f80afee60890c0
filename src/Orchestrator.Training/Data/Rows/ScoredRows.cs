namespace Orchestrator.Training.Data.Rows;

/// <summary>Rows in which scores, not field names alone, say which answer is the better one.</summary>
internal static class ScoredRows
{
    /// <summary>
    /// Stanford Human Preferences: a post and two replies with their votes. "labels" 1 says that A is the better one, 0 that B is; where it is
    /// not there, the scores say so. Rendered as transcripts these are the texts of the DPO authors' code.
    /// </summary>
    public static MessagesRow Shp(JsonFields fields)
    {
        var (a, b, label) = (Score(fields, "score_A"), Score(fields, "score_B"), Score(fields, "labels"));
        if (a == b && a is not null)
        {
            throw Tie($"\"score_A\" and \"score_B\" are both {a}");
        }

        var chosenIsA = label switch
        {
            1 => true,
            0 => false,
            null => a is not null && b is not null ? a > b : throw Missing("neither \"labels\" nor both of \"score_A\" and \"score_B\" are there"),
            _ => throw new BadRowException(RowProblem.WrongType, $"\"labels\" is {label}; needed: 1 (A is the better one) or 0 (B is)"),
        };
        if (a is not null && b is not null && chosenIsA != a > b)
        {
            throw Contradiction($"\"labels\" is {label}, and \"score_A\" is {a}, \"score_B\" {b}");
        }

        var (chosen, rejected) = chosenIsA ? ("human_ref_A", "human_ref_B") : ("human_ref_B", "human_ref_A");
        return new MessagesRow(One("user", fields.Text("history")), One("assistant", fields.Text(chosen)), One("assistant", fields.Text(rejected)))
        {
            RewardMargin = chosenIsA ? a - b : b - a,
        };
    }

    /// <summary>
    /// How much better the chosen answer of a pair is: "margin" (TRL's name), or the difference of "chosen_reward" and "rejected_reward" (NeMo-Aligner's)
    /// or of "score_chosen" and "score_rejected".
    /// </summary>
    /// <exception cref="BadRowException">The row has none of them, or what it has is no number.</exception>
    public static double RewardMargin(JsonFields fields)
    {
        if (fields.Has("margin"))
        {
            return Score(fields, "margin") ?? throw Missing("\"margin\" is no number");
        }

        var (chosen, rejected) = fields.Has("chosen_reward") || fields.Has("rejected_reward") ? ("chosen_reward", "rejected_reward") : ("score_chosen", "score_rejected");
        return Score(fields, chosen) - Score(fields, rejected)
            ?? throw Missing("the loss compares with rewards of the data, and the row has none; needed: \"margin\", or numbers in both of \"chosen_reward\" and \"rejected_reward\"");
    }

    /// <summary>UltraFeedback, binarized: a pair whose answers carry the scores that they were chosen by.</summary>
    public static void Judge(JsonFields fields)
    {
        if (Score(fields, "score_chosen") is not { } chosen || Score(fields, "score_rejected") is not { } rejected)
        {
            throw Missing("\"score_chosen\" or \"score_rejected\" is missing or no number");
        }

        if (chosen == rejected)
        {
            throw Tie($"\"score_chosen\" and \"score_rejected\" are both {chosen}");
        }

        if (chosen < rejected)
        {
            throw Contradiction($"\"score_chosen\" is {chosen}, and \"score_rejected\" {rejected}");
        }
    }

    /// <summary>
    /// UltraFeedback: a prompt ("prompt" or "instruction") and any number of answers in "completions", each an object with its text and score,
    /// or each a text, their scores being in "scores".
    /// </summary>
    public static RankedRow Ranking(JsonFields fields)
    {
        var prompt = fields.Has("prompt") ? "prompt" : "instruction";
        var answers = fields.Items("completions");
        var scores = fields.Has("scores") ? fields.Items("scores") : null;
        if (scores is not null && scores.Length != answers.Length)
        {
            throw new BadRowException(RowProblem.WrongType, $"\"scores\" has {scores.Length} entries, and \"completions\" {answers.Length}");
        }

        return new RankedRow(
            fields.IsText(prompt) ? One("user", fields.Text(prompt)) : fields.Messages(prompt),
            [.. answers.Select((answer, at) => Ranked(answer, scores is null ? null : JsonFields.Score(scores[at]), $"completions[{at}]"))]);
    }

    public static bool IsScoredPair(JsonFields fields) => fields.Has("prompt") && fields.Has("chosen") && (fields.Names("score_chosen") || fields.Names("score_rejected"));

    private static RankedAnswer Ranked(System.Text.Json.JsonElement answer, double? score, string where)
    {
        if (answer.ValueKind == System.Text.Json.JsonValueKind.String)
        {
            return new RankedAnswer(JsonFields.Text(answer), score);
        }

        var fields = answer.ValueKind == System.Text.Json.JsonValueKind.Object
            ? new JsonFields(answer, Columns.None)
            : throw new BadRowException(RowProblem.WrongType, $"\"{where}\" is {JsonFields.Kind(answer)}; needed: a text, or an object with response and score");
        var text = Array.Find(["response", "content", "text", "completion"], fields.IsText)
            ?? throw new BadRowException(RowProblem.MissingField, $"\"{where}.response\" is missing; needed: a text");
        var scored = Array.Find(["score", "overall_score", "rating"], fields.Has);
        return new RankedAnswer(fields.Text(text), score ?? (scored is null ? null : Score(fields, scored)));
    }

    private static double? Score(JsonFields fields, string name) => fields.Has(name) ? fields.Score(name) : null;

    private static ChatMessage[] One(string role, string content) => [new ChatMessage(role, content)];

    private static BadRowException Tie(string why) => new(RowProblem.Tie, $"no answer is the better one: {why}");

    private static BadRowException Missing(string why) => new(RowProblem.MissingScore, why);

    private static BadRowException Contradiction(string why) => new(RowProblem.ScoresContradict, $"the rejected answer has the higher score: {why}");
}
