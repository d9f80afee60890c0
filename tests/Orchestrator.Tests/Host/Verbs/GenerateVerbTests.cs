using System.Text.Json;
using Orchestrator.Host;
using Orchestrator.Host.Verbs;
using Orchestrator.Training.Models;

namespace Orchestrator.Tests.Host.Verbs;

public sealed class GenerateVerbTests
{
    [SkippableFact]
    public async Task A_story_goes_on_as_the_known_answer_says()
    {
        var model = SharedData.Path("models/stories260K");
        using var expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(model, "expected.json")));
        var greedy = expected.RootElement.GetProperty("greedy")[0];
        var prompt = Orchestrator.Training.Data.TextTokenizer.Load(model).Decode([.. greedy.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32())]);
        using var output = new StringWriter();
        await GenerateVerb.RunAsync(model, null, prompt, new GenerationOptions { Temperature = 0, MaxNewTokens = 20 }, "cpu", true, output, CancellationToken.None);
        using var result = JsonDocument.Parse(output.ToString());
        Assert.Equal(
            greedy.GetProperty("ids").EnumerateArray().Take(20).Select(id => id.GetInt32()),
            result.RootElement.GetProperty("completion_ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("length", result.RootElement.GetProperty("finish_reason").GetString());
    }

    [Theory]
    [InlineData("generate", "--model", "/nowhere", "--prompt", "x")]
    [InlineData("generate", "--modle", "/nowhere")]
    [InlineData("frobnicate")]
    [InlineData("keys", "nosection")]
    public async Task A_command_that_cannot_be_understood_is_refused(params string[] args) =>
        Assert.Equal(ExitCode.Refused, await CommandLine.RunAsync(args, CancellationToken.None));
}
