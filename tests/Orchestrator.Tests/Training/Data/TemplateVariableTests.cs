using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

/// <summary>Columns that a row gives to the chat template beside its messages: tools, documents and chat_template_kwargs.</summary>
public sealed class TemplateVariableTests : IDisposable
{
    private const string Pair = """ "prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"y"}],"rejected":[{"role":"assistant","content":"n"}]""";
    private const string Tools = """[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]""";

    private static readonly ChatTemplate Template = ChatTemplate.FromText(
        "{% if enable_thinking is defined %}{{ '+' if enable_thinking else '-' }}{% endif %}{% for tool in tools or [] %}<{{ tool.function.name }}>{% endfor %}"
        + "{% for document in documents or [] %}[{{ document.title }}]{% endfor %}{% for message in messages %}{{ message.role }}:{{ message.content }};{% endfor %}"
        + "{% if add_generation_prompt %}assistant:{% endif %}");

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", "")]
    [InlineData(""","tools":null,"documents":[],"chat_template_kwargs":{}""", "")]
    [InlineData(""","tools":" ","chat_template_kwargs":"null" """, "")]
    [InlineData(""","tools":""" + Tools, "<f><g>")]
    [InlineData(""","tools":"[{\"function\":{\"name\":\"f\"}}]" """, "<f>")]
    [InlineData(""","documents":[{"title":"d","text":"t"}]""", "[d]")]
    [InlineData(""","chat_template_kwargs":{"enable_thinking":false}""", "-")]
    [InlineData(""","chat_template_kwargs":"{\"enable_thinking\":true}" """, "+")]
    [InlineData(""","chat_template_kwargs":{"enable_thinking":true},"documents":"[{\"title\":\"d\"}]","tools":""" + Tools, "+<f><g>[d]")]
    public void They_stand_in_the_prompt_and_before_both_answers(string columns, string written) =>
        Assert.Equal([Ids($"{written}user:q;assistant:"), Ids("y;$"), Ids("n;$")], _directory.FirstRow($"{{{Pair}{columns}}}", chat: Template));

    [Theory]
    [InlineData(2, """ "chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"y"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"n"}]""")]
    [InlineData(2, """ "prompt":"q","completions":[{"response":"y","score":2},{"response":"n","score":1}]""")]
    [InlineData(2, """ "conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"y"},"rejected":{"from":"gpt","value":"n"}""")]
    [InlineData(1, """ "prompt":"q","completions":[{"response":"y","score":2},{"response":"n","score":1}]""")]
    [InlineData(1, """ "messages":[{"role":"user","content":"q"},{"role":"assistant","content":"y"}]""")]
    public void Every_format_of_messages_has_them(int answers, string row)
    {
        var ids = _directory.FirstRow($"{{{row},\"tools\":{Tools}}}", new DataOptions { CompletionsPerRow = answers }, chat: Template);
        Assert.Equal([Ids("<f><g>user:q;assistant:"), Ids("y;$"), answers == 2 ? Ids("n;$") : []], ids);
    }

    [Fact]
    public void They_may_have_other_names()
    {
        var options = new DataOptions { Columns = new Dictionary<string, string> { ["tools"] = "functions" } };
        Assert.Equal(Ids("<f><g>user:q;assistant:"), _directory.FirstRow($"{{{Pair},\"functions\":{Tools}}}", options, chat: Template)[0]);
    }

    [Theory]
    [InlineData(""" "chat_template_kwargs":{"messages":[]}""", "\"chat_template_kwargs\" sets messages, which ")]
    [InlineData(""" "chat_template_kwargs":{"add_generation_prompt":false}""", "\"chat_template_kwargs\" sets add_generation_prompt, which ")]
    [InlineData(""" "chat_template_kwargs":{"bos_token":"x"}""", "\"chat_template_kwargs\" sets bos_token, which ")]
    [InlineData(""" "chat_template_kwargs":{"tools":[]}""", "\"chat_template_kwargs\" sets tools, which ")]
    [InlineData(""" "documents":[{}],"chat_template_kwargs":{"documents":[]}""", "\"chat_template_kwargs\" sets documents, which ")]
    [InlineData(""" "chat_template_kwargs":["enable_thinking"]""", "\"chat_template_kwargs\" is a list; needed: an object, or its JSON text")]
    [InlineData(""" "tools":"search, add" """, "\"tools\" is a text that is no JSON; needed: a list of objects, or its JSON text")]
    [InlineData(""" "tools":{"name":"f"}""", "\"tools\" is an object; needed: a list of objects, or its JSON text")]
    [InlineData(""" "documents":["a"]""", "\"documents[0]\" is a text; needed: an object")]
    public void What_cannot_be_given_to_a_template_is_a_bad_row(string columns, string detail) =>
        Assert.Contains(detail, Assert.Throws<InvalidDataException>(() => _directory.Prepare($"{{{Pair},{columns}}}", chat: Template)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("tools")]
    [InlineData("documents")]
    public void Transcripts_have_no_place_for_them(string column)
    {
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare($"{{{Pair},\"{column}\":[{{\"name\":\"f\"}}]}}", chat: new TranscriptFormat()));
        Assert.Contains("template_refused", error.Message, StringComparison.Ordinal);
        Assert.Contains($"the row has {column}, and transcripts write none", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, _directory.Prepare($"{{{Pair},\"{column}\":[],\"chat_template_kwargs\":{{\"enable_thinking\":true}}}}", chat: new TranscriptFormat()).RowsKept);
    }

    [Fact]
    public void Rows_that_are_text_already_are_taken_as_they_are_and_their_tools_are_told()
    {
        var report = _directory.Prepare($$"""
            {"prompt":"Q:","chosen":" yes","rejected":" no","tools":{{Tools}}}
            {"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3],"tools":"[{}]"}
            {"prompt":"Q:","chosen":" yes","rejected":" no","tools":[]}
            """, chat: Template);
        Assert.Contains("tools: 2 rows are text or ids already, and their \"tools\" were not written into them", report.Lines());
        Assert.DoesNotContain(_directory.Prepare($"{{{Pair},\"tools\":{Tools}}}", chat: Template).Lines(), line => line.StartsWith("tools", StringComparison.Ordinal));
    }
}
