using System.Text.Json;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Verbs;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Host.Scoring;

/// <summary>Through the verb's own code: files in, JSON out, held against numbers computed elsewhere in float64.</summary>
public sealed class ScoreKnownAnswerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("score-").FullName;

    public static TheoryData<string> Names => KnownModel.Names;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task Rows_and_totals_are_the_known_ones(string name)
    {
        using var known = KnownModel.Load(name);
        var reference = SaveReference(known);
        var pairs = known.Expected.GetProperty("dpo").GetProperty("pairs").EnumerateArray().ToArray();
        var data = Path.Combine(_folder, "pairs.jsonl");
        await File.WriteAllLinesAsync(data, pairs.Select((pair, row) =>
            $$"""{"topic":"{{(row % 2 == 0 ? "even" : "odd")}}","prompt_ids":{{pair.GetProperty("prompt_ids").GetRawText()}},"chosen_ids":{{pair.GetProperty("chosen_ids").GetRawText()}},"rejected_ids":{{pair.GetProperty("rejected_ids").GetRawText()}}}"""));
        foreach (var beta in new[] { "0.1", "0.5" })
        {
            var lines = await Score(known.Directory, reference, data, "--beta", beta);
            var losses = pairs.Zip(lines, (pair, line) => CheckRow(known, pair, line, beta)).ToArray();
            var totals = lines[^1].GetProperty("totals");
            var even = lines[^1].GetProperty("categories").GetProperty("even");
            Assert.Equal((pairs.Length + 1) / 2, even.GetProperty("pairs").GetInt32());
            Assert.Equal(losses.Where((_, row) => row % 2 == 0).Average(), even.GetProperty("loss").GetDouble(), known.Tolerance("sigmoid_loss_abs"));
            Assert.Contains($"| even | {(pairs.Length + 1) / 2} |", await File.ReadAllTextAsync(Path.Combine(_folder, "page.md")), StringComparison.Ordinal);
            Assert.Equal(pairs.Length, totals.GetProperty("pairs").GetInt32());
            Assert.Equal(losses.Average(), totals.GetProperty("loss").GetDouble(), known.Tolerance("sigmoid_loss_abs"));
            Assert.Equal(
                pairs.Average(pair => pair.GetProperty("logratio_margin").GetDouble() > 0 ? 1.0 : 0.0), totals.GetProperty("rewards/accuracies").GetDouble(), 1e-9);
        }
    }

    private double CheckRow(KnownModel known, JsonElement pair, JsonElement line, string beta)
    {
        foreach (var model in new[] { "policy", "reference" })
        {
            foreach (var side in new[] { "chosen", "rejected" })
            {
                var (expected, found) = (pair.GetProperty(model), line.GetProperty(model));
                Assert.Equal(expected.GetProperty($"{side}_logp").GetDouble(), found.GetProperty($"{side}_logps").GetDouble(), known.Tolerance("sum_logp_abs"));
                Assert.All(
                    expected.GetProperty($"{side}_token_logps").EnumerateArray().Zip(found.GetProperty($"{side}_token_logps").EnumerateArray()),
                    both => Assert.Equal(both.First.GetDouble(), both.Second.GetDouble(), known.Tolerance("token_logp_abs")));
                Assert.Equal(pair.GetProperty($"{side}_ids").GetArrayLength(), line.GetProperty($"{side}_tokens").GetInt32());
            }
        }

        var answers = pair.GetProperty($"beta_{beta}");
        var rewards = line.GetProperty("rewards");
        Assert.Equal(answers.GetProperty("chosen_reward").GetDouble(), rewards.GetProperty("chosen").GetDouble(), known.Tolerance("sum_logp_abs"));
        Assert.Equal(answers.GetProperty("rejected_reward").GetDouble(), rewards.GetProperty("rejected").GetDouble(), known.Tolerance("sum_logp_abs"));
        Assert.Equal(answers.GetProperty("sigmoid").GetDouble(), line.GetProperty("loss").GetDouble(), known.Tolerance("sigmoid_loss_abs"));
        return answers.GetProperty("sigmoid").GetDouble();
    }

    private async Task<JsonElement[]> Score(string model, string reference, string data, params string[] more)
    {
        var output = Path.Combine(_folder, "rows.jsonl");
        using var totals = new StringWriter();
        var settings = SettingsReader.Read(
            "", "test", _folder, [$"model.path={model}", $"model.reference={reference}", $"train={data}", "max_length=null", "device=cpu", $"beta={more[1]}"], _folder);
        await ScoreVerb.RunAsync(settings, new ScoreOutput(output, Path.Combine(_folder, "page.md"), Json: true, Overwrite: true, "topic"), totals, CancellationToken.None);
        return [.. (await File.ReadAllLinesAsync(output)).Append(totals.ToString()).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private string SaveReference(KnownModel known)
    {
        var (how, target) = (known.Expected.GetProperty("dpo").GetProperty("reference"), Path.Combine(_folder, "reference"));
        using var reference = ModelDirectory.Load(known.Directory, CPU);
        using (no_grad())
        {
            foreach (var name in how.GetProperty("tensors").EnumerateArray().Select(item => item.GetString()!))
            {
                var own = reference.Parameters.Select(item => item.Name).First(own => own == name || own.EndsWith("." + name, StringComparison.Ordinal));
                reference[own].mul_(how.GetProperty("factor").GetDouble());
            }
        }

        // Without a source the weights are written as fp32, under their full names: exact also where the model is stored in 16 bits.
        ModelDirectory.Save(reference, null, target);
        return target;
    }
}
