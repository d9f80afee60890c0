using System.Text.Json;
using Orchestrator.Tests;

namespace Orchestrator.ProcessTests;

/// <summary>A DPO recipe as TRL's users write it, key by key, on real pairs and a model of every family.</summary>
public sealed class RecipeTests : IDisposable
{
    private const int Steps = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("recipe-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableTheory]
    [InlineData("gpt2")]
    [InlineData("gpt_neox_parallel")]
    [InlineData("llama")]
    [InlineData("mistral")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    [InlineData("gemma")]
    [InlineData("gemma2")]
    [InlineData("phi")]
    [InlineData("phi3")]
    public async Task Two_workers_tune_a_model_of_every_family(string family)
    {
        await OrchestratorProcess.RunAsync(0, "train", Recipe(family), "--workers", "2");
        var resolved = File.ReadAllText(In("out", "run.yaml"));
        Assert.All(["  pairs_per_step: 16\n", "  pairs_per_leaf: 4\n"], line => Assert.Contains(line, resolved, StringComparison.Ordinal));
        var steps = Lines(In("out", "metrics.jsonl")).Where(line => line.TryGetProperty("loss", out _)).ToArray();
        Assert.Equal(Steps, steps.Length);
        Assert.Equal(Math.Log(2), steps[0].GetProperty("loss").GetDouble(), 1e-6);
        Assert.All(steps, step => Assert.True(step.GetProperty("grad_norm").GetDouble() > 0));
        Assert.Equal(3, Lines(In("out", "metrics.jsonl")).Count(line => line.TryGetProperty("eval_loss", out _)));   // before, after step 2, at the end
        var totals = await ScoreAsync(family, "rows.jsonl", "--model", In("out", "model"));
        Assert.True(totals.GetProperty("rewards/margins").GetDouble() > 0, totals.ToString());
        if (family == "gemma2")
        {
            await OrchestratorProcess.RunAsync(0, "train", Recipe(family), "--workers", "1", "--output", In("alone"));
            Assert.Equal(File.ReadAllBytes(In("out", "model", "model.safetensors")), File.ReadAllBytes(In("alone", "model", "model.safetensors")));
        }
    }

    [SkippableFact]
    public async Task Rows_longer_than_a_models_learned_positions_are_refused_before_a_worker_starts()
    {
        var said = await OrchestratorProcess.RunAsync(2, "train", Recipe("gpt2"), "--workers", "2", "--set", "max_length=128");
        Assert.Matches(@"train\.jsonl, line \d+: the row has \d+ tokens, and the model has learned positions for 64\. Write data\.max_length: 64 or less\.", said);
    }

    [SkippableTheory]
    [InlineData("llama", "[q_proj, v_proj]")]
    [InlineData("gpt2", "[c_attn]")]
    public async Task An_adapter_trained_so_loads_in_peft_s_layout_and_answers_as_the_merged_model(string family, string targets)
    {
        await OrchestratorProcess.RunAsync(0, "train", Recipe(family, $"use_peft: true\nlora_r: 8\nlora_alpha: 16\nlora_target_modules: {targets}\n"), "--workers", "2");
        var config = JsonDocument.Parse(File.ReadAllText(In("out", "model", "adapter_config.json"))).RootElement;
        Assert.Equal(("LORA", 8, 16), (config.GetProperty("peft_type").GetString(), config.GetProperty("r").GetInt32(), config.GetProperty("lora_alpha").GetInt32()));
        var model = SharedData.Path($"models/{family}");
        await OrchestratorProcess.RunAsync(0, "merge", "--model", model, "--adapter", In("out", "model"), "--out", In("merged"));
        var beside = await ScoreAsync(family, "beside.jsonl", "--model", model, "--adapter", In("out", "model"));
        await ScoreAsync(family, "merged.jsonl", "--model", In("merged"));
        Assert.True(beside.GetProperty("rewards/margins").GetDouble() > 0, beside.ToString());
        var pairs = Lines(In("beside.jsonl")).Zip(Lines(In("merged.jsonl"))).ToArray();
        Assert.InRange(pairs.Length, 8, 16);   // rows whose prompt alone fills max_length are dropped
        foreach (var name in new[] { "chosen_token_logps", "rejected_token_logps" })
        {
            Assert.All(pairs.SelectMany(pair => Tokens(pair.First, name).Zip(Tokens(pair.Second, name))), token => Assert.Equal(token.First, token.Second, 6e-5));
        }

        static IEnumerable<double> Tokens(JsonElement row, string name) => row.GetProperty("policy").GetProperty(name).EnumerateArray().Select(token => token.GetDouble());
    }

    // The rate is for models of this size; the rest stands in TRL's documentation.
    private string Recipe(string family, string more = "")
    {
        var (data, held) = (In("train.jsonl"), In("held.jsonl"));
        var rows = File.ReadLines(SharedData.Path("preferences/pref_strings.train.jsonl")).Take(80).ToArray();
        File.WriteAllLines(data, rows[..64]);
        File.WriteAllLines(held, rows[64..]);
        File.WriteAllLines(In("some.jsonl"), rows[..16]);
        File.WriteAllText(In("dpo.yaml"),
            $"""
            model_name_or_path: {SharedData.Path($"models/{family}")}
            dataset_name: {data}
            eval_dataset: {held}
            learning_rate: 5.0e-4
            lr_scheduler_type: linear
            warmup_ratio: 0.1
            optim: adamw_torch
            beta: 0.1
            loss_type: sigmoid
            max_length: 64
            max_steps: {Steps}
            max_grad_norm: 1.0
            gradient_checkpointing: true
            precompute_ref_log_probs: true
            logging_steps: 1
            eval_strategy: steps
            eval_steps: 2
            save_strategy: steps
            save_steps: 2
            save_total_limit: 2
            report_to: none
            seed: 42
            output_dir: {In("out")}
            per_device_train_batch_size: 4
            gradient_accumulation_steps: 4
            device: cpu
            threads_per_worker: 1
            {more}
            """);
        return In("dpo.yaml");
    }

    private async Task<JsonElement> ScoreAsync(string family, string rows, params string[] what)
    {
        var said = await OrchestratorProcess.RunAsync(
            0, ["score", .. what, "--reference", SharedData.Path($"models/{family}"), "--data", In("some.jsonl"), "--out", In(rows), "--set", "max_length=64", "--json", "--device", "cpu"]);
        return JsonDocument.Parse(said).RootElement.GetProperty("totals");
    }

    private static IEnumerable<JsonElement> Lines(string file) => File.ReadLines(file).Where(line => line.Length > 0).Select(line => JsonDocument.Parse(line).RootElement);

    private string In(params string[] names) => Path.Combine([_folder, .. names]);
}
