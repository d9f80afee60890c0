using System.Text.Json;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data.Templates;

public sealed class ChatTemplateFileTests : IDisposable
{
    private static readonly ChatMessage[] Hello = [new("user", "hi")];
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("chat-template-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void A_model_without_a_template_gives_none()
    {
        Write("tokenizer_config.json", """{"chat_template": null, "bos_token": "<s>"}""");
        Assert.Null(ChatTemplate.Load(_directory.FullName));
    }

    [Fact]
    public void The_template_in_the_tokenizers_configuration_sees_its_special_tokens_however_they_are_written()
    {
        Write("tokenizer_config.json", """{"chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}", "bos_token": {"content": "<s>"}, "add_bos_token": true, "pad_token": null}""");
        Write("special_tokens_map.json", """{"bos_token": "other", "eos_token": {"content": "</s>", "lstrip": false}}""");
        Assert.Equal("<s>hi</s>", ChatTemplate.Load(_directory.FullName)!.Render(Hello, false));
    }

    [Fact]
    public void Of_named_templates_default_is_taken_and_its_absence_is_an_error()
    {
        Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}""");
        Assert.Equal("D", ChatTemplate.Load(_directory.FullName)!.Render(Hello, false));
        Write("tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "T"}]}""");
        Assert.Contains("none is named \"default\"", Assert.Throws<InvalidDataException>(() => ChatTemplate.Load(_directory.FullName)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_file_comes_before_the_configuration_and_an_error_in_it_names_file_and_line()
    {
        Write("tokenizer_config.json", """{"chat_template": "C"}""");
        var path = Write("chat_template.jinja", "J");
        Assert.Equal("J", ChatTemplate.Load(_directory.FullName)!.Render(Hello, false));
        Write("chat_template.jinja", "\n{% if %}");
        var message = Assert.Throws<InvalidDataException>(() => ChatTemplate.Load(_directory.FullName)).Message;
        Assert.StartsWith($"{path}, line 2: ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_does_not_exist_is_named() =>
        Assert.Contains("nowhere.jinja", Assert.Throws<FileNotFoundException>(() => ChatTemplate.FromFile("nowhere.jinja")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_message_shows_a_template_every_field_of_its_json()
    {
        using var json = JsonDocument.Parse("""{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}""");
        var template = ChatTemplate.FromText("{% for m in messages %}{{ m.role }}:{{ m.content }}:{{ m.tool_calls[0].function | tojson }}{% endfor %}{{ tools }}{{ add_generation_prompt }}");
        Assert.Equal("""assistant:None:{"name": "f", "arguments": {"x": 1}}NoneTrue""", template.Render([new ChatMessage("assistant", "", json.RootElement)], true));
    }

    [Fact]
    public void A_message_whose_file_names_role_and_text_otherwise_shows_both_names()
    {
        using var json = JsonDocument.Parse("""{"from": "human", "value": "hi"}""");
        var template = ChatTemplate.FromText("{{ messages[0].role }} {{ messages[0].content }} {{ messages[0]['from'] }}");
        Assert.Equal("user hi human", template.Render([new ChatMessage("user", "hi", json.RootElement)], false));
    }

    [Fact]
    public void A_number_that_64_bits_do_not_hold_is_written_as_it_stood()
    {
        using var json = JsonDocument.Parse("""{"role": "user", "content": "", "n": 123456789012345678901234567890, "half": "\ud83d"}""");
        var template = ChatTemplate.FromText("{{ messages[0].n }} {{ messages[0].n | tojson }} {{ messages[0].half }}");
        Assert.Equal("123456789012345678901234567890 123456789012345678901234567890 \ufffd", template.Render([new ChatMessage("user", "", json.RootElement)], false));
    }

    [Fact]
    public void The_run_files_setting_chooses_the_models_template_a_file_transcripts_or_none()
    {
        Write("chat_template.jinja", "own{{ eos_token }}");
        Write("tokenizer_config.json", """{"eos_token": "</s>"}""");
        var file = Write("other.jinja", "other{{ eos_token }}");
        Assert.Equal("own</s>", ChatFormats.Choose("auto", _directory.FullName)!.Render(Hello, false));
        Assert.Equal("other</s>", ChatFormats.Choose(file, _directory.FullName)!.Render(Hello, false));
        Assert.IsType<TranscriptFormat>(ChatFormats.Choose("transcript", _directory.FullName));
        Assert.Null(ChatFormats.Choose("none", _directory.FullName));
    }

    [Fact]
    public void A_model_without_a_template_is_given_transcripts_and_a_folder_without_one_is_refused()
    {
        Assert.IsType<TranscriptFormat>(ChatFormats.Choose("auto", _directory.FullName));
        Assert.Throws<FileNotFoundException>(() => ChatFormats.Choose(_directory.FullName, _directory.FullName));
        Write("chat_template.jinja", "folder{{ eos_token }}");
        Assert.Equal("folder", ChatFormats.Choose(_directory.FullName, _directory.FullName)!.Render(Hello, false));
    }

    [Fact]
    public void The_date_comes_from_the_clock_that_was_given()
    {
        var template = ChatTemplate.FromText("{{ strftime_now('%d %b %Y, %A %-I %p, day %j %%') }}", clock: FixedClock.At(2024, 7, 6, 15));
        Assert.Equal("06 Jul 2024, Saturday 3 PM, day 188 %", template.Render([], false));
        Assert.True(template.UsesClock);
        Assert.False(ChatTemplate.FromText("x").UsesClock);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
