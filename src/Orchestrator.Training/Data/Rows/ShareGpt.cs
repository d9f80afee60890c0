namespace Orchestrator.Training.Data.Rows;

/// <summary>ShareGPT's way to write a conversation: {"from": "human", "value": ...} for each turn.</summary>
internal static class ShareGpt
{
    /// <summary>A row with its turns in "conversations", perhaps a "system" text, and answers beside them.</summary>
    public static MessagesRow Pair(JsonFields fields) =>
        new([.. System(fields), .. fields.Messages("conversations")], Answer(fields, "chosen"), Answer(fields, "rejected"));

    /// <summary>The last turn is the answer; the turns before it are its prompt.</summary>
    public static MessagesRow LastTurn(JsonFields fields) =>
        fields.Messages("conversations") is [.. var prompt, { Role: "assistant" } answer]
            ? new MessagesRow([.. System(fields), .. prompt], [answer], null)
            : throw new BadRowException(RowProblem.EmptyCompletion, "\"conversations\" does not end with a turn of the assistant");

    /// <summary>The role that "from" means; any other word is taken as the role itself.</summary>
    public static string RoleOf(string from) => from switch
    {
        "human" => "user",
        "gpt" or "chatgpt" or "model" or "bot" => "assistant",
        "observation" or "function_response" => "tool",
        _ => from,
    };

    /// <summary>A message that begins a conversation, where the row has a text "system".</summary>
    public static ChatMessage[] System(JsonFields fields) => fields.IsText("system") && fields.Text("system") is { } text && !string.IsNullOrWhiteSpace(text)
        ? [new ChatMessage("system", text)]
        : [];

    private static ChatMessage[] Answer(JsonFields fields, string name) =>
        fields.IsText(name) ? [new ChatMessage("assistant", fields.Text(name))] : fields.Messages(name);
}
