using System.Text.Json;

namespace Orchestrator.Training.Data;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: usually "system", "user", "assistant" or "tool".</param>
/// <param name="Content">What is said; empty where the message has no text (a tool call, say).</param>
/// <param name="Json">
/// The message as it stood in the file, for a template that reads more than role and content
/// ("tool_calls", "name", content in parts); null where the message was made by the program. It outlives the document it was read from.
/// </param>
public sealed record ChatMessage(string Role, string Content, JsonElement? Json = null);
