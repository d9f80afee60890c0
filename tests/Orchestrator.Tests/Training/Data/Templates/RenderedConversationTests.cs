using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data.Templates;

public class RenderedConversationTests
{
    private const string Plain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    private static readonly ChatMessage[] Prompt = [new("user", "2+2?")];
    private static readonly ChatMessage[] Chosen = [new("assistant", "4")];
    private static readonly ChatMessage[] Rejected = [new("assistant", "5")];

    [Fact]
    public void A_pair_is_the_prompt_up_to_the_assistants_turn_and_what_each_answer_adds()
    {
        var rendered = RenderedConversation.Of(ChatTemplate.FromText(Plain), Prompt, [Chosen, Rejected]);
        Assert.Equal("<user>2+2?</><assistant>", rendered.Prompt);
        Assert.Equal(["4</>", "5</>"], rendered.Completions);
    }

    [Fact]
    public void Without_a_prompt_a_completion_is_the_whole_conversation() =>
        Assert.Equal(["<user>2+2?</><assistant>4</>"], RenderedConversation.Of(ChatTemplate.FromText(Plain), [], [[.. Prompt, .. Chosen]]).Completions);

    [Fact]
    public void A_template_that_writes_the_prompt_otherwise_before_an_answer_is_refused_with_both_texts()
    {
        var thinking = ChatTemplate.FromText(Plain.Replace("{% if add_generation_prompt %}<assistant>", "{% if add_generation_prompt %}<assistant><think>", StringComparison.Ordinal));
        var message = Assert.Throws<InvalidDataException>(() => RenderedConversation.Of(thinking, Prompt, [Chosen, Rejected])).Message;
        Assert.Contains("prompt alone:       <user>2+2?</><assistant><think>", message, StringComparison.Ordinal);
        Assert.Contains("prompt with answer: <user>2+2?</><assistant>4</>", message, StringComparison.Ordinal);
        Assert.Contains("from character 24 on", message, StringComparison.Ordinal);
    }
}
