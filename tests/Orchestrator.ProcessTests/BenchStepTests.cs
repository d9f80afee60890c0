using System.Text.Json;

namespace Orchestrator.ProcessTests;

public sealed class BenchStepTests
{
    private const string Config = """
        {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
         "vocab_size": 40, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "float32"}
        """;

    [Fact]
    public async Task Steps_of_two_workers_are_measured_with_the_losses_of_one_and_a_trace_is_written()
    {
        var folder = Directory.CreateTempSubdirectory("bench-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), Config);
            File.WriteAllLines(Path.Combine(folder, "ids.jsonl"), Enumerable.Range(0, 6).Select(row =>
                $$"""{"prompt_ids": [{{row + 1}}, 5], "chosen_ids": [{{row + 7}}, 9, 2], "rejected_ids": [{{row + 20}}, 2]}"""));
            var trace = Path.Combine(folder, "trace.json");
            var two = await MeasureAsync(folder, "--workers", "2", "--trace", trace);
            var one = await MeasureAsync(folder, "--workers", "1");
            double[] Losses(JsonElement result) => [.. result.GetProperty("loss").EnumerateArray().Select(loss => loss.GetDouble())];
            Assert.Equal(3, Losses(two).Length);
            Assert.Equal(Math.Log(2), Losses(two)[0], 1e-6);
            Assert.Equal(Losses(one), Losses(two));
            Assert.Equal(2, two.GetProperty("seconds_per_step").GetArrayLength());
            Assert.Equal(2, two.GetProperty("peak_rss_mb").GetArrayLength());
            Assert.True(two.GetProperty("seconds_by_phase").GetProperty("backward").GetDouble() > 0);
            using var json = JsonDocument.Parse(File.ReadAllText(trace));
            var spans = json.RootElement.EnumerateArray().Select(found => found.GetProperty("name").GetString()).ToArray();
            Assert.Equal(6, spans.Count(name => name == "step"));
            Assert.Equal(3, spans.Count(name => name == "deal to commit"));
            Assert.Contains("all_reduce", spans);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<JsonElement> MeasureAsync(string folder, params string[] more)
    {
        var output = await OrchestratorProcess.RunAsync(
            0,
            ["bench", "step", "--config", folder, "--data", Path.Combine(folder, "ids.jsonl"), "--pairs-per-step", "4", "--pairs-per-leaf", "1", "--steps", "2", "--warmup-steps", "1", "--threads", "1", "--json", .. more]);
        return JsonDocument.Parse(output.Split('\n').Single(line => line.StartsWith('{'))).RootElement;
    }
}
