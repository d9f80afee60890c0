using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class SettingsReaderTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_with_model_and_data_alone_has_the_papers_defaults()
    {
        var settings = _folder.Read(RunFolder.Sound);
        Assert.Equal(Path.Combine(_folder.Path, "model"), settings.Of(ModelKeys.Path));
        Assert.Equal(Path.Combine(_folder.Path, "pairs.jsonl"), Assert.Single(settings.Of(DataKeys.Train)).Path);
        Assert.Equal((0.1, 1e-6, 150, 64, "rmsprop", 10.0), (
            settings.Of(ObjectiveKeys.Beta), settings.Of(TrainingKeys.LearningRate), settings.Of(TrainingKeys.WarmupSteps), settings.Of(DataKeys.PairsPerStep),
            settings.Of(TrainingKeys.Optimizer), settings.Of(TrainingKeys.MaxGradNorm) ?? 0));
        Assert.Equal("sigmoid", Assert.Single(settings.Of(ObjectiveKeys.LossType)));
    }

    [Fact]
    public void Keys_may_stand_alone_dotted_or_in_their_section()
    {
        var settings = _folder.Read("path: model\ntrain: [pairs.jsonl]\nbeta: 0.3\ntraining:\n  max_steps: 7\ncluster.workers: 4\nreference: model\n");
        Assert.Equal((0.3, 7, 4), (settings.Of(ObjectiveKeys.Beta), settings.Of(TrainingKeys.MaxSteps), settings.Of(ClusterKeys.Workers)));
        Assert.Equal(Path.Combine(_folder.Path, "model"), settings.Of(ModelKeys.Reference));
    }

    [Fact]
    public void Names_of_another_trainer_are_taken_where_they_mean_the_same()
    {
        var settings = _folder.Read("model_name_or_path: model\ntrain: pairs.jsonl\nsave_steps: 20\noptim: adamw_torch\nlr_scheduler_type: constant_with_warmup\n");
        Assert.Equal((20, "adamw", "constant"), (settings.Of(OutputKeys.SaveEverySteps), settings.Of(TrainingKeys.Optimizer), settings.Of(TrainingKeys.Schedule)));
    }

    [Fact]
    public void Options_of_the_command_line_win_and_their_paths_are_relative_to_the_current_folder()
    {
        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder.Path, "elsewhere")).FullName;
        File.WriteAllText(Path.Combine(elsewhere, "held-out.jsonl"), "");
        var settings = SettingsReader.Read(
            RunFolder.Sound + "beta: 0.3\n", "run.yaml", _folder.Path, ["beta=0.2", "objective.beta=0.4", "eval={ood: held-out.jsonl}", "max_grad_norm="], elsewhere);
        Assert.Equal(0.4, settings.Of(ObjectiveKeys.Beta));
        Assert.Equal(("ood", Path.Combine(elsewhere, "held-out.jsonl")), Assert.Single(settings.Of(DataKeys.Eval)));
        Assert.Null(settings.Of(TrainingKeys.MaxGradNorm));
    }

    [Fact]
    public void Every_problem_is_told_at_once_with_its_line()
    {
        var problems = _folder.Problems(
            """
            model:
              path: modell
            data:
              train: pair.jsonl
              pairs_per_step: 100
            objective:
              betta: 0.1
              label_smoothing: 0.5
            training:
              learning_rate: fast
              beta: 0.1
              seed: 1
              seed: 2
            lr_scheduler_type: cosin
            """,
            "nonsense", "workers=-1");
        Assert.Equal(
            [
                $"run.yaml, line 2: model.path is {_folder.Path}/modell, which does not exist. Needed is a folder in Hugging Face layout: config.json, model.safetensors, tokenizer.json.",
                $"run.yaml, line 4: data.train names {_folder.Path}/pair.jsonl, which does not exist. Needed is a file of pairs. Did you mean pairs.jsonl?",
                "run.yaml, line 5: data.pairs_per_step is 100, which is not a multiple of data.pairs_per_leaf (8).\nUse 96 or 104.",
                "run.yaml, line 7: objective.betta is not a key. Did you mean objective.beta?",
                "run.yaml, line 8: objective.label_smoothing is 0.5. Needed is a number, 0 or more and below 0.5.",
                "run.yaml, line 10: training.learning_rate is fast. Needed is a number, above 0 and at most 10.",
                "run.yaml, line 11: training.beta is not a key: beta belongs to section objective.",
                "run.yaml, line 13: training.seed stands here and in line 12. Keep one of them.",
                "run.yaml, line 14: training.lr_scheduler_type is cosin. Needed is one of constant, linear, cosine. Did you mean cosine?",
                "--set nonsense: needed is key=value, for example --set beta=0.2.",
                "--set workers=-1: cluster.workers is -1. Needed is a whole number from 0 to 4096.",
            ],
            problems);
    }

    [Fact]
    public void Missing_keys_are_named() => Assert.Equal(
        ["run.yaml: model.path is missing", "run.yaml: data.train is missing"],
        _folder.Problems("# nothing\n").Select(problem => problem.Split('.', 4)).Select(parts => string.Join('.', parts.Take(3))));

    [Theory]
    [InlineData("eval_strategy: epoch", "eval_strategy is not a key. Write output.eval_every_steps")]
    [InlineData("use_peft: true", "use_peft is not a key. Write lora.lora_r")]
    [InlineData("use_peft: false\nlora_r: 4", "use_peft is not a key. Write lora.lora_r")]
    [InlineData("dtype: bfloat16", "dtype is not a key. Weights are kept in fp32; write training.bf16: true")]
    [InlineData("objective: 3", "objective is a section, and its keys belong below it")]
    [InlineData("beta: [1]", "objective.beta is a list of 1. Needed is a number")]
    [InlineData("beta:", "objective.beta is empty. Needed is a number")]
    [InlineData("shuffle: yes", "data.shuffle is yes. Needed is true or false")]
    [InlineData("max_prompt_length: 512", "data.max_prompt_length is 512, which leaves no room for a completion in data.max_length (512)")]
    [InlineData("warmup_ratio: 0.1\nwarmup_steps: 3", "training.warmup_ratio and training.warmup_steps both")]
    [InlineData("beta: &x 0.1\nlabel_smoothing: *x", "anchors and aliases are not used")]
    [InlineData("beta: [0.1", "this is not YAML")]
    [InlineData("zzzzzzzzzzzzz: 1", "zzzzzzzzzzzzz is not a key. All keys: orchestrator keys.")]
    public void A_problem_says_what_is_needed(string line, string expected)
    {
        var problem = Assert.Single(_folder.Problems(RunFolder.Sound + line + "\n"), problem => !problem.Contains("is missing", StringComparison.Ordinal));
        Assert.StartsWith("run.yaml, line ", problem, StringComparison.Ordinal);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_file_that_does_not_exist_is_named_with_its_neighbour()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "mine.yaml"), RunFolder.Sound);
        var error = Assert.Throws<FileNotFoundException>(() => SettingsReader.ReadFile("mine.yml", [], _folder.Path));
        Assert.StartsWith($"mine.yml does not exist; {_folder.Path}/mine.yaml does.", error.Message, StringComparison.Ordinal);
    }
}
