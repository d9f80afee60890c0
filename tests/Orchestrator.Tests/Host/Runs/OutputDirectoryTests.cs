using Orchestrator.Cluster;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Runs;

public sealed class OutputDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_that_holds_a_run_is_refused_unless_told()
    {
        var output = new OutputDirectory(_folder);
        Directory.CreateDirectory(Path.Combine(output.Checkpoints, "step-00000001"));
        File.WriteAllText(output.RunFile, "");
        File.WriteAllText(output.Metrics, "{}");
        Assert.Contains("holds a run already", Assert.Throws<ArgumentException>(() => output.Begin(overwrite: false)).Message, StringComparison.Ordinal);
        output.Begin(overwrite: true);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void A_run_whose_model_the_new_run_reads_is_not_deleted()
    {
        var output = new OutputDirectory(_folder);
        Directory.CreateDirectory(output.Model);
        File.WriteAllText(output.RunFile, "");
        var refusal = Assert.Throws<ArgumentException>(() => output.Begin(overwrite: true, [null, output.Model]));
        Assert.StartsWith($"{output.Model} is part of the run in {_folder}", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => output.Begin(overwrite: true, [Path.Combine(output.Checkpoints, "step-00000002")]));
        Assert.True(Directory.Exists(output.Model));
        output.Begin(overwrite: true, [output.Model + "-of-another-run"]);
        Assert.False(Directory.Exists(output.Model));
    }

    [Fact]
    public void What_the_new_run_reads_is_found_through_links_too()
    {
        var output = new OutputDirectory(Path.Combine(_folder, "run"));
        Directory.CreateDirectory(output.Model);
        File.WriteAllText(output.RunFile, "");
        var link = Path.Combine(_folder, "best-model");
        Directory.CreateSymbolicLink(link, output.Model);
        Assert.StartsWith($"{link} is part of the run", Assert.Throws<ArgumentException>(() => output.Begin(overwrite: true, [link])).Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(output.Model));
    }

    [Fact]
    public void A_folder_with_somebody_elses_files_is_never_touched()
    {
        File.WriteAllText(Path.Combine(_folder, "thesis.tex"), "");
        Assert.Throws<ArgumentException>(() => new OutputDirectory(_folder).Begin(overwrite: true));
        Assert.True(File.Exists(Path.Combine(_folder, "thesis.tex")));
    }

    [Fact]
    public void Lines_of_steps_that_will_be_made_again_are_cut()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        File.WriteAllText(path, "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"eval_loss\":1}\n{\"step\":3}\n{\"st");
        History.CutMetrics(path, 2, ["eval"]);
        Assert.Equal("{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"eval_loss\":1}\n", File.ReadAllText(path));
    }

    [Fact]
    public void An_evaluation_that_did_not_come_to_all_sets_is_made_again()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        File.WriteAllText(path, "{\"step\":1,\"eval_a_loss\":1}\n{\"step\":1,\"eval_b_loss\":1}\n{\"step\":2}\n{\"step\":2,\"eval_a_loss\":1}\n");
        History.CutMetrics(path, 2, ["a", "b"]);
        Assert.Equal("{\"step\":1,\"eval_a_loss\":1}\n{\"step\":1,\"eval_b_loss\":1}\n{\"step\":2}\n", File.ReadAllText(path));
        History.CutMetrics(path, 1, ["a", "b"]);
        Assert.Equal(2, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void What_evaluations_showed_is_read_from_the_metrics()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        string[] lines =
        [
            """{"step":0,"eval_a_loss":0.1}""", """{"step":0,"eval_b_loss":9}""", """{"step":5,"loss":0.01}""", """{"step":5,"eval_a_loss":0.7}""", """{"step":5,"eval_b_loss":0.2}""",
            """{"step":10,"eval_a_loss":null}""", """{"step":10,"eval_b_loss":0.1}""",
        ];
        File.WriteAllLines(path, lines);
        Assert.Equal(new EvaluationHistory(10, 5, 0.7, 1), History.Seen(path, new SelectionRules("a", "loss", false)));
        Assert.Equal(new EvaluationHistory(10, 10, 0.1, 0), History.Seen(path, new SelectionRules("b", "loss", false)));
        Assert.Equal(new EvaluationHistory(10), History.Seen(path, null));
        Assert.Equal(EvaluationHistory.Empty, History.Seen(path + ".absent", null));
    }

    [Fact]
    public void The_record_of_the_best_checkpoint_follows_the_history_that_a_run_goes_on_with()
    {
        var (output, rules) = (new OutputDirectory(_folder), new SelectionRules("ood", "loss", false));
        Directory.CreateDirectory(Path.Combine(output.Checkpoints, "step-00000005"));
        BestModel.Reconcile(output, rules, new EvaluationHistory(10, 5, 0.25));
        Assert.Equal(new BestModel("eval_ood_loss", 0.25, 5, Path.Combine("checkpoints", "step-00000005")), BestModel.Read(output));
        BestModel.Reconcile(output, rules, new EvaluationHistory(15, 15, 0.2));   // its checkpoint is not there
        Assert.Null(BestModel.Read(output));
    }

    [Fact]
    public void Tokens_of_a_step_that_was_made_twice_count_once()
    {
        var path = Path.Combine(_folder, "events.jsonl");
        string[] lines =
        [
            """{"event":"step_committed","step":1,"num_tokens":10}""",
            """{"event":"step_committed","step":2,"num_tokens":20}""",
            """{"event":"warning","step":2}""",
            """{"event":"step_committed","step":2,"num_tokens":20}""",
            """{"event":"step_committed","step":3,"num_tokens":40}""",
            """{"event":"step_comm""",
        ];
        File.WriteAllLines(path, lines);
        Assert.Equal(30, History.Tokens(path, 2));
        Assert.Equal(0, History.Tokens(path + ".absent", 2));
    }
}
