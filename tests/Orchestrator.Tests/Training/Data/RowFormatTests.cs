using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

public sealed class RowFormatTests : IDisposable
{
    private static readonly DataOptions Sft = new() { CompletionsPerRow = 1 };

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("strings", """{"prompt":"Q:","chosen":" yes","rejected":" no"}""", "Q:", " yes$", " no$")]
    [InlineData("strings_implicit", """{"chosen":"The sky is blue.","rejected":"The sky is green."}""", "The sky is", " blue.$", " green.$")]
    [InlineData("hh", """{"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e"}""", "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", " d$", " e$")]
    [InlineData("token_ids", """{"prompt_ids":[81],"chosen_ids":[65],"rejected_ids":[66,67]}""", "Q", "A", "BC")]
    [InlineData("conversational", """{"prompt":[{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}]}""", "\n\nHuman: a\n\nAssistant:", " b$", " c$")]
    [InlineData("conversational", """{"prompt":"a","chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}],"messages":[]}""", "\n\nHuman: a\n\nAssistant:", " b$", " c$")]
    [InlineData("conversational", """{"prompt":[{"role":"user","content":"a"}],"chosen":"b","rejected":"c"}""", "\n\nHuman: a\n\nAssistant:", " b$", " c$")]
    [InlineData("conversational_implicit", """{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}]}""", "\n\nHuman: a\n\nAssistant:", " b$", " c$")]
    public void A_pair_is_read_by_the_fields_it_has(string format, string line, string prompt, string chosen, string rejected)
    {
        var row = _directory.FirstRow(line, chat: new TranscriptFormat());
        Assert.Equal([Ids(prompt), Ids(chosen), Ids(rejected)], row);
        Assert.Equal([format], _directory.Prepare(line, chat: new TranscriptFormat()).Formats.Keys);
    }

    [Theory]
    [InlineData("completion", """{"prompt":"Q:","completion":" yes"}""", "Q:", " yes$")]
    [InlineData("text", """{"text":"abc"}""", "a", "bc$")]
    [InlineData("completion_ids", """{"prompt_ids":[81],"completion_ids":[65,66]}""", "Q", "AB")]
    [InlineData("messages", """{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""", "s\n\nHuman: a\n\nAssistant:", " b$")]
    [InlineData("completion_messages", """{"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}""", "\n\nHuman: a\n\nAssistant:", " b$")]
    [InlineData("strings", """{"prompt":"Q:","chosen":" yes","rejected":" no"}""", "Q:", " yes$")]
    public void A_row_of_one_answer_is_read_by_the_fields_it_has(string format, string line, string prompt, string completion)
    {
        var row = _directory.FirstRow(line, Sft, chat: new TranscriptFormat());
        Assert.Equal([Ids(prompt), Ids(completion), []], row);
        Assert.Equal([format], _directory.Prepare(line, Sft, chat: new TranscriptFormat()).Formats.Keys);
    }

    [Fact]
    public void A_text_without_prompt_begins_with_what_the_tokenizer_puts_in_front()
    {
        var row = _directory.FirstRow("""{"text":"abc"}""", Sft, Create(framed: true));
        Assert.Equal([Ids("^"), Ids("abc$"), []], row);
    }

    [Fact]
    public void Formats_may_be_mixed_in_one_file()
    {
        var report = _directory.Prepare("""
            {"prompt":"Q:","chosen":" yes","rejected":" no"}
            {"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3]}
            {"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[4]}
            """);
        Assert.Equal([("strings", 1L), ("token_ids", 2L)], report.Formats.Select(format => (format.Key, format.Value)));
    }

    [Fact]
    public void A_forced_format_reads_every_row_so()
    {
        const string Transcript = """{"chosen":"\n\nHuman: a\n\nAssistant: one","rejected":"\n\nHuman: a\n\nAssistant: two"}""";
        Assert.Equal(Ids("\n\nHuman: a\n\nAssistant:"), _directory.FirstRow(Transcript, new DataOptions { Format = "strings_implicit" })[0]);
        var report = Assert.Throws<InvalidDataException>(() => _directory.Prepare(Transcript, new DataOptions { Format = "strings" }));
        Assert.Contains("missing_field", report.Message);
    }

    [Fact]
    public void Fields_of_other_names_are_read_where_columns_say_so()
    {
        var options = new DataOptions { Columns = new Dictionary<string, string> { ["prompt"] = "question", ["chosen"] = "good" } };
        var row = _directory.FirstRow("""{"question":"Q:","good":" yes","rejected":" no"}""", options);
        Assert.Equal([Ids("Q:"), Ids(" yes$"), Ids(" no$")], row);
    }

    [Fact]
    public void A_conversation_without_a_chat_template_is_an_error_that_says_what_to_do()
    {
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare("""
            {"prompt":"Q:","chosen":" yes","rejected":" no"}
            {"prompt":[{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}]}
            """));
        Assert.Contains("rows.jsonl, line 2", error.Message);
        Assert.Contains("data.chat_template", error.Message);
        Assert.False(File.Exists(_directory.Target));
        Assert.Equal(["rows.jsonl"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Messages_in_parts_and_broken_escapes_are_read()
    {
        var row = _directory.FirstRow("""{"prompt":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}],"chosen":"\ud83dx\n","rejected":"y"}""", chat: new TranscriptFormat());
        Assert.Equal(Ids("\n\nHuman: ab\n\nAssistant:"), row[0]);
        Assert.Equal(Ids(" \uFFFDx\n$"), row[1]);
    }
}
