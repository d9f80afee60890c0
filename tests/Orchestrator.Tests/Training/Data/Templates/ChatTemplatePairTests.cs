using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Tests.Training.Data.Templates;

public class ChatTemplatePairTests
{
    private static readonly ChatMessage[] Prompt = [new("user", "2+2?")];
    private static readonly MessagesRow Pair = new(Prompt, [new("assistant", "four")], [new("assistant", "five")]);

    [Fact]
    public void A_template_that_ends_a_text_without_generation_prompt_with_a_long_end_token_still_parts_prompt_and_answer()
    {
        var template = ChatTemplate.FromText("{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% else %}<the end of it all>{% endif %}");
        var (prompt, chosen, rejected) = ChatRows.Render(template, Pair);
        Assert.Equal(("<user>2+2?</><assistant>", "four</><the end of it all>", "five</><the end of it all>"), (prompt, chosen, rejected));
    }

    [Fact]
    public void A_template_that_rewrites_the_prompt_once_an_answer_follows_is_refused_with_both_texts()
    {
        var template = ChatTemplate.FromText("{{ messages | length }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
        var message = Assert.Throws<BadRowException>(() => ChatRows.Render(template, Pair)).Message;
        Assert.Contains("'1<user>2+2?'", message, StringComparison.Ordinal);
        Assert.Contains("'2<user>2+2?", message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Every_known_template_parts_an_ordinary_pair_at_the_answer()
    {
        var model = SharedData.Path("models/llama");
        foreach (var file in Directory.GetFiles(SharedData.Path("chat-templates/trl"), "*.jinja"))
        {
            var (prompt, chosen, rejected) = ChatRows.Render(ChatTemplate.FromFile(file, model), Pair);
            Assert.Contains("2+2?", prompt, StringComparison.Ordinal);
            Assert.DoesNotContain("2+2?", chosen, StringComparison.Ordinal);
            Assert.Equal(chosen.Replace("four", "five", StringComparison.Ordinal), rejected);
            Assert.Contains("four", chosen, StringComparison.Ordinal);
        }
    }
}
