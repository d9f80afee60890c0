using System.Text.Json;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data.Templates;

public class ChatTemplateGoldenTests
{
    [SkippableFact]
    public void Every_known_rendering_comes_out_byte_for_byte_and_every_known_refusal_is_refused()
    {
        var folder = SharedData.Path("chat-templates");
        using var goldens = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "goldens.json")));
        var conversations = goldens.RootElement.GetProperty("conversations");
        var wrong = new List<string>();
        var renderings = goldens.RootElement.GetProperty("renderings");
        Assert.NotEqual(0, renderings.GetArrayLength());
        foreach (var golden in renderings.EnumerateArray())
        {
            var file = Path.Combine(folder, golden.GetProperty("template").GetString()!);
            var messages = Messages(conversations.GetProperty(golden.GetProperty("conversation").GetString()!));
            var rendered = Render(file, messages, golden.GetProperty("add_generation_prompt").GetBoolean());
            var expected = golden.TryGetProperty("output", out var output) ? output.GetString() : null;
            if (expected is null ? !rendered.StartsWith("refused: ", StringComparison.Ordinal) : rendered != expected)
            {
                wrong.Add($"{golden.GetRawText()}\n  gave {JsonSerializer.Serialize(rendered)}");
            }
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} renderings differ:\n{string.Join("\n", wrong)}");
    }

    private static string Render(string file, List<ChatMessage> messages, bool addGenerationPrompt)
    {
        var tokens = new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };
        try
        {
            return ChatTemplate.FromFile(file, clock: FixedClock.At(2024, 7, 26)).Render(messages, addGenerationPrompt, tokens);
        }
        catch (InvalidDataException error)
        {
            return "refused: " + error.Message;
        }
    }

    private static List<ChatMessage> Messages(JsonElement conversation) =>
        [.. conversation.EnumerateArray().Select(message => new ChatMessage(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!, message))];
}
