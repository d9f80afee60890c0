using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Training.Data;
using Orchestrator.Tests.Training.Models;

namespace Orchestrator.Tests.Host.Runs;

/// <summary>What is said before the first step.</summary>
public sealed class AnnouncementTests : IDisposable
{
    private const string Dated = "{{ strftime_now('%d %b %Y') }}{% for message in messages %}{{ message.role }}:{{ message.content }};{% endfor %}";
    private const string Conversation = """{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"y"}],"rejected":[{"role":"assistant","content":"n"}]}""";

    private readonly DataDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("none")]
    [InlineData("null")]
    public void A_template_that_writes_the_date_is_a_warning(string cache)
    {
        var warning = Assert.Single(Said(Dated, Conversation, cache), line => line.StartsWith("WARNING", StringComparison.Ordinal));
        Assert.Contains("today's date", warning, StringComparison.Ordinal);
        Assert.Contains("Set data.chat_template to a template file that does not", warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% for message in messages %}{{ message.role }}:{{ message.content }};{% endfor %}", Conversation)]
    [InlineData(Dated, """{"prompt":"Q:","chosen":" yes","rejected":" no"}""")]
    public void Prompts_that_bear_no_date_are_none(string template, string row) =>
        Assert.DoesNotContain(Said(template, row, "none"), line => line.Contains("WARNING", StringComparison.Ordinal));

    private string[] Said(string template, string row, string cache)
    {
        var model = Directory.CreateDirectory(_folder.At("model")).FullName;
        File.WriteAllText(Path.Combine(model, "config.json"), TinyModel.Config("llama").Replace("\"vocab_size\":61", "\"vocab_size\":1002", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(model, "chat_template.jinja"), template);
        TinyTokenizer.Write(model);
        _folder.Write("pairs.jsonl", row);
        var settings = SettingsReader.Read(
            $"model: {{path: model}}\ndata: {{train: pairs.jsonl, pairs_per_step: 1, pairs_per_leaf: 1, cache_dir: {cache}}}\nreference_logps: live\n", "run.yaml", _folder.Path, [], _folder.Path);
        var output = new OutputDirectory(_folder.At("out/run"));
        var data = PreparedData.Make(settings, output, CancellationToken.None);
        return [.. Announcement.Of(settings, data, JobBuilder.Build(settings, data, output, null, CancellationToken.None))];
    }
}
