using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Training.Data;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Host.Metrics;

public sealed class SamplesFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("samples-").FullName;

    private string Target => Path.Combine(_folder, "samples.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Policy_and_reference_stand_side_by_side_and_the_first_is_told()
    {
        var told = new List<string>();
        var file = File(TinyTokenizer.Create(), told.Add);
        var sampled = new Sampled(10, "eval", [new PromptSample(0, ['o', 'h', TinyTokenizer.End], ['n', 'o']), new PromptSample(1, [' ', 'a'], null)], 1);
        file.On(sampled);
        file.On(sampled);   // after a hand-over it may come twice
        file.On(RunEvents.Step(11));
        var lines = System.IO.File.ReadAllLines(Target);
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("""{"step":10,"set":"eval","row":0,"prompt":"Q:","policy":"oh","reference":"no","prompt_ids":[81,58],"policy_ids":[111,104,1001],""", lines[0], StringComparison.Ordinal);
        Assert.Equal((" a", JsonValueKind.Null), (JsonDocument.Parse(lines[1]).RootElement.GetProperty("policy").GetString(), JsonDocument.Parse(lines[1]).RootElement.GetProperty("reference").ValueKind));
        Assert.Equal(["eval, row 0, after step 10: Q:", "  policy:    oh", "  reference: no"], told);
    }

    [Fact]
    public void Without_a_tokenizer_there_are_ids_and_a_resumed_run_writes_on_from_its_step()
    {
        var file = File(null, _ => Assert.Fail("nothing to read"));
        file.On(new Sampled(2, "eval", [new PromptSample(0, [1], [2])], 1));
        file.On(new Sampled(4, "eval", [new PromptSample(0, [3], [4])], 1));
        History.CutSamples(Target, 3);
        Assert.Equal("""{"step":2,"set":"eval","row":0,"prompt":null,"policy":null,"reference":null,"prompt_ids":[81,58],"policy_ids":[1],"reference_ids":[2]}""", Assert.Single(System.IO.File.ReadAllLines(Target)));
    }

    private SamplesFile File(TextTokenizer? tokenizer, Action<string> tell)
    {
        var path = Path.Combine(_folder, "eval.pairs");
        using (var writer = new EncodedPairsWriter(path, 2))
        {
            writer.Add(['Q', ':'], [1], [2]);
            writer.Add(['P'], [1], [2]);
            writer.Commit();
        }

        return new SamplesFile(Target, tokenizer, set => Path.Combine(_folder, $"{set}.pairs"), tell);
    }
}
