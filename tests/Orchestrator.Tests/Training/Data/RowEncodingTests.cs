using System.Text.Json;
using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

public sealed class RowEncodingTests : IDisposable
{
    private const string Row = """{"prompt":"Q:","chosen":" yes","rejected":" no"}""";

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_the_tokenizer_puts_in_front_stands_before_the_prompt_once()
    {
        Assert.Equal(Ids("^Q:"), _directory.FirstRow(Row, tokenizer: Create(framed: true))[0]);
        Assert.Equal(Ids("^Q:"), _directory.FirstRow(Row.Replace("Q:", "<s>Q:"), tokenizer: Create(framed: true))[0]);
        Assert.Equal(Ids("Q:"), _directory.FirstRow(Row, tokenizer: Create())[0]);
    }

    [Fact]
    public void An_empty_prompt_becomes_the_token_that_begins_a_text_or_a_problem()
    {
        var row = Row.Replace("Q:", "");
        Assert.Equal([Ids("^"), Ids(" yes$"), Ids(" no$")], _directory.FirstRow(row, tokenizer: Create()));
        Assert.Equal([Ids("^"), Ids(" yes$"), Ids(" no$")], _directory.FirstRow(row, tokenizer: Create(framed: true)));
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare(row, tokenizer: Create(begins: false)));
        Assert.Contains("empty_prompt", error.Message);
    }

    [Fact]
    public void The_end_token_is_appended_unless_it_is_there_or_unwanted()
    {
        Assert.Equal(Ids(" yes$"), _directory.FirstRow(Row)[1]);
        Assert.Equal(Ids(" yes$"), _directory.FirstRow(Row.Replace(" yes", " yes</s>"))[1]);
        Assert.Equal(Ids(" yes$\n"), _directory.FirstRow(Row.Replace(" yes", " yes</s>\\n"))[1]);
        Assert.Equal(Ids(" yes"), _directory.FirstRow(Row, new DataOptions { AddEos = false })[1]);
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare(Row, tokenizer: Create(ends: false)));
        Assert.Contains("data.add_eos", error.Message);
    }

    [Fact]
    public void A_token_that_spans_the_seam_is_a_problem_unless_prompt_and_answer_are_encoded_apart()
    {
        var tokenizer = Create(merges: [": Ġ"]);
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare(Row, tokenizer: tokenizer));
        Assert.Contains("prompt_not_a_token_prefix", error.Message);
        Assert.Contains("prompt token 1 is ':' alone and ': ' before the answer", error.Message);
        var row = _directory.FirstRow(Row, new DataOptions { Join = PromptJoin.Separate }, tokenizer);
        Assert.Equal([Ids("Q:"), Ids(" yes$"), Ids(" no$")], row);
    }

    [Fact]
    public void The_seam_of_an_implicit_prompt_moves_to_the_word_before_where_a_token_would_span_it()
    {
        const string Black = """{"chosen":"sky is blue.","rejected":"sky is black."}""";
        Assert.Equal([Ids("sky is bl"), Ids("ue.$"), Ids("ack.$")], _directory.FirstRow(Black));
        var row = _directory.FirstRow(Black, tokenizer: Create(merges: ["l u"]));
        Assert.Equal(Ids("sky is"), row[0]);
        Assert.Equal([' ', 'b', 256, 'e', '.', End], row[1]);
        Assert.Equal(Ids(" black.$"), row[2]);
    }

    [Fact]
    public void A_template_that_writes_special_tokens_gets_none_in_front_and_its_end_token_is_kept()
    {
        const string Conversation = """{"prompt":[{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}]}""";
        var row = _directory.FirstRow(Conversation, tokenizer: Create(framed: true), chat: new Brackets());
        Assert.Equal([Ids("^[user]a[assistant]"), Ids("b$\n"), Ids("c$\n")], row);
    }

    [Fact]
    public void Where_an_answer_parts_from_the_generation_prompt_the_seam_lies_there()
    {
        const string Conversation = """{"prompt":[{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}]}""";
        Assert.Equal(Ids("^[user]a[assistant]"), _directory.FirstRow(Conversation, chat: new Brackets("<think>"))[0]);
    }

    // TRL's collator test: prompt [1,2,3], answers [4,5] and [6] give the sequences 1 2 3 4 5 and 1 2 3 6, and the masks 0 0 0 1 1 and 0 0 0 1.
    [Fact]
    public void Ids_are_taken_as_they_are_without_an_end_token()
    {
        const string Known = """{"prompt_ids":[1,2,3],"chosen_ids":[4,5],"rejected_ids":[6]}""";
        Assert.Equal([[1, 2, 3], [4, 5], [6]], _directory.FirstRow(Known));
        var view = RowView.Read(new DataOptions(), [_directory.Write("known.jsonl", Known)], null, null, 0);
        Assert.Equal([false, false, false, true, true], view.Tokens.Prompt.Concat(view.Tokens.Chosen).Select(token => token.Counted));
        Assert.Equal([1, 2, 3, 6], view.Tokens.Prompt.Concat(view.Tokens.Rejected).Select(token => token.Id));
    }

    [SkippableFact]
    public void The_known_pairs_of_a_real_model_get_their_known_ids()
    {
        var directory = SharedData.Path("models/stories260K");
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, "expected.json")));
        foreach (var pair in expected.RootElement.GetProperty("dpo").GetProperty("pairs").EnumerateArray())
        {
            var row = _directory.FirstRow(pair.GetRawText().ReplaceLineEndings(""), new DataOptions { Format = "strings" }, TextTokenizer.Load(directory));
            Assert.Equal([Known(pair, "prompt_ids"), Known(pair, "chosen_ids"), Known(pair, "rejected_ids")], row);
        }
    }

    private static int[] Known(JsonElement pair, string name) => [.. pair.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>"&lt;s&gt;[user]a[assistant]b&lt;/s&gt;" and a line end.</summary>
    private sealed class Brackets(string thought = "") : IChatFormat
    {
        public bool WritesSpecialTokens => true;

        public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null) =>
            "<s>" + string.Concat(messages.Select(message => $"[{message.Role}]{message.Content}" + (message.Role == "assistant" ? "</s>\n" : "")))
            + (addGenerationPrompt ? $"[assistant]{thought}" : "");
    }
}
