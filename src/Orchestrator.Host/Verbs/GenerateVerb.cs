using System.CommandLine;
using System.Text.Json;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator generate`: a model continues a prompt.</summary>
public static class GenerateVerb
{
    public static Command Command()
    {
        var model = new Option<string>("--model") { Required = true, Description = "A folder in Hugging Face layout." };
        var adapter = VerbOptions.Adapter();
        var prompt = new Option<string>("--prompt") { Required = true, Description = "The text to continue." };
        var temperature = new Option<double>("--temperature") { Description = "0: the most likely token each time; usually 0.7 to 1 otherwise." };
        var topP = new Option<double>("--top-p") { DefaultValueFactory = _ => 1, Description = "Sample from the most likely tokens that have this share of the probability." };
        var seed = new Option<long>("--seed") { Description = "The same seed gives the same text." };
        var length = new Option<int>("--max-new-tokens") { DefaultValueFactory = _ => 128, Description = "Tokens of the continuation, at most." };
        var json = VerbOptions.Json();
        var device = VerbOptions.Device();
        var command = new Command("generate", "Continue a prompt with a model.") { model, adapter, prompt, temperature, topP, seed, length, json, device };
        command.SetAction((parsed, cancellation) => RunAsync(
            VerbOptions.Folder(parsed.GetRequiredValue(model)),
            parsed.GetValue(adapter) is { } folder ? VerbOptions.Folder(folder) : null,
            parsed.GetRequiredValue(prompt),
            new GenerationOptions
            {
                Temperature = VerbOptions.Within(temperature.Name, parsed.GetValue(temperature), 0, 100),
                TopP = VerbOptions.Within(topP.Name, parsed.GetValue(topP), double.Epsilon, 1),
                Seed = parsed.GetValue(seed),
                MaxNewTokens = (int)VerbOptions.Within(length.Name, parsed.GetValue(length), 1, int.MaxValue),
            },
            parsed.GetRequiredValue(device),
            parsed.GetValue(json),
            Console.Out,
            cancellation));
        return command;
    }

    public static async Task<int> RunAsync(
        string directory, string? adapter, string prompt, GenerationOptions options, string device, bool json, TextWriter to, CancellationToken cancellation)
    {
        var tokenizer = TextTokenizer.Load(directory);
        var ids = tokenizer.Encode(prompt, addSpecialTokens: true) is { Length: > 0 } some ? some
            : tokenizer.BosId is { } bos ? [bos]
            : throw new ArgumentException("The prompt has no tokens, and this model has no token that begins a text. Give a prompt.");
        await using var loaded = await LoadedModel.LoadAsync(directory, adapter, device, cancellation);
        var result = (await loaded.Run(model => Generation.Generate(model, [ids], options with { EosId = tokenizer.EosId }, cancellation), cancellation))[0];
        var text = tokenizer.Decode([.. ids, .. result])[tokenizer.Decode(ids).Length..];
        var ended = result.Length > 0 && result[^1] == tokenizer.EosId;
        await to.WriteLineAsync(json
            ? JsonSerializer.Serialize(new { prompt, completion = text, prompt_ids = ids, completion_ids = result, finish_reason = ended ? "stop" : "length" }, VerbOptions.JsonStyle)
            : prompt + text);
        return ExitCode.Done;
    }
}
