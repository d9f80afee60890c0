using System.Globalization;
using System.Text.Json;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Verbs;
using Orchestrator.Tests.Training.Models;

namespace Orchestrator.Tests.Host.Runs;

/// <summary>What the run file leaves open is decided from the run file, the data and the model, once.</summary>
public sealed class DecisionsTests : IDisposable
{
    private static readonly WorkerPlace[] Two = [new(0, "cpu", 1), new(1, "cpu", 1)];
    private readonly string _folder = Directory.CreateTempSubdirectory("decisions-").FullName;

    public DecisionsTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "model"));
        File.WriteAllText(Path.Combine(_folder, "model", "config.json"), TinyModel.Config("llama"));
        File.WriteAllLines(Path.Combine(_folder, "pairs.jsonl"), Enumerable.Range(0, 16).Select(row =>
            $$"""{"prompt_ids":[{{Ids(3 + row % 5)}}],"chosen_ids":[{{Ids(2 + row)}}],"rejected_ids":[{{Ids(20 - row)}}]}"""));
        Directory.CreateDirectory(Path.GetDirectoryName(Output.Pairs("train"))!);
    }

    private OutputDirectory Output => new(Path.Combine(_folder, "out"));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void The_largest_leaf_that_fits_is_taken_and_stands_in_the_saved_run_file(int pairs)
    {
        var needed = Planned(pairs);
        var (decided, lines) = Decide("pairs_per_leaf=auto", $"memory_per_worker_gb={Gigabytes(needed)}");
        Assert.Equal(pairs, decided.Of(DataKeys.PairsPerLeaf));
        Assert.Contains($"  pairs_per_leaf: {pairs}\n", SettingsWriter.Write(decided), StringComparison.Ordinal);
        Assert.StartsWith($"pairs_per_leaf: {pairs}, which needs ", Assert.Single(lines, line => line.StartsWith("pairs", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    // A step of 8 for 2 workers: with one leaf of 8 the second would have nothing to do.
    [Fact]
    public void Every_worker_gets_a_leaf_however_much_memory_there_is() =>
        Assert.Equal(4, Decide("pairs_per_leaf=auto", "memory_per_worker_gb=100").Settings.Of(DataKeys.PairsPerLeaf));

    [Fact]
    public void Where_not_even_one_pair_fits_the_biggest_parts_are_named()
    {
        var error = Assert.Throws<ArgumentException>(() => Decide("pairs_per_leaf=auto", "memory_per_worker_gb=0.1"));
        Assert.Contains("a leaf of one pair needs more than the 102 MB of a worker. Most of it are program (260 MB)", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cuda:0")]
    [InlineData(null)]
    public void Where_the_workers_memory_is_not_known_the_key_that_says_it_is_named(string? device)
    {
        var error = Assert.Throws<ArgumentException>(() => Decide(device is null ? [] : [new WorkerPlace(0, device, 1)], "pairs_per_leaf=auto"));
        Assert.Contains("cluster.memory_per_worker_gb", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("live", "no pair comes again", "num_train_epochs=1")]
    [InlineData("precompute", "pairs come again", "num_train_epochs=2")]
    [InlineData("live", "it moves", "num_train_epochs=2", "sync_ref_model=true")]
    public void The_reference_is_computed_once_where_pairs_come_again(string way, string why, params string[] more)
    {
        var (decided, lines) = Decide([.. more, "memory_per_worker_gb=100"]);
        Assert.Equal(way, decided.Of(ReferenceKeys.Logps));
        Assert.Contains(lines, line => line.StartsWith($"reference_logps: {way}, because {why}", StringComparison.Ordinal));
        Assert.Equal(way == "precompute" ? Output.ReferenceBeside : null, decided.Of(ReferenceKeys.Cache));
    }

    [Fact]
    public void The_reference_is_computed_before_the_first_step_where_both_models_are_too_much()
    {
        var (live, precomputed) = (Planned(8, "reference_logps=live"), Planned(8, "reference_logps=precompute"));
        Assert.True(precomputed < live);
        var (decided, lines) = Decide($"memory_per_worker_gb={Gigabytes((live + precomputed) / 2)}");
        Assert.Equal("precompute", decided.Of(ReferenceKeys.Logps));
        Assert.Contains("too little for both models", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_resumed_run_keeps_what_was_decided_whatever_this_machine_has()
    {
        var saved = Decide("pairs_per_leaf=auto", "num_train_epochs=2", $"memory_per_worker_gb={Gigabytes(Planned(2))}").Settings;
        var resumed = Decisions.AsBefore(Read("pairs_per_leaf=auto", "num_train_epochs=2", "memory_per_worker_gb=100"), saved);
        Assert.Equal((2, "precompute"), (resumed.Of(DataKeys.PairsPerLeaf)!.Value, resumed.Of(ReferenceKeys.Logps)));
        Assert.Null(saved.FirstDifferenceInResult(resumed));
        Assert.Equal(DataKeys.PairsPerLeaf, saved.FirstDifferenceInResult(Decisions.AsBefore(Read("pairs_per_leaf=4", "num_train_epochs=2"), saved)));
    }

    // 16 rows in steps of 8: two steps of four leaves; the memory holds leaves of 4, the run file says 2.
    [Fact]
    public void Plan_tells_each_part_the_whole_and_the_largest_leaf_that_fits()
    {
        var needs = PlanVerb.Make(Read("pairs_per_leaf=2", "workers=2", "device=cpu", $"memory_per_worker_gb={Gigabytes(Planned(4))}"), Output, CancellationToken.None);
        var (text, json) = (PlanVerb.Text(needs), JsonDocument.Parse(PlanVerb.Json(needs)).RootElement);
        Assert.Equal((2, 2, 4), (json.GetProperty("workers").GetInt32(), json.GetProperty("pairs_per_leaf").GetInt32(), json.GetProperty("largest_pairs_per_leaf").GetInt32()));
        Assert.Equal(json.GetProperty("total_bytes").GetInt64(), json.GetProperty("bytes").EnumerateObject().Sum(part => part.Value.GetInt64()));
        Assert.Equal(["activations", "buffers", "gradients", "logits", "optimizer", "program", "reference", "weights"], json.GetProperty("bytes").EnumerateObject().Select(part => part.Name).Order(StringComparer.Ordinal));
        Assert.All(json.GetProperty("bytes").EnumerateObject(), part => Assert.Contains($"  {part.Name} ", text, StringComparison.Ordinal));
        Assert.Contains("The largest leaf that fits: pairs_per_leaf 4, ", text, StringComparison.Ordinal);
        Assert.False(File.Exists(Output.RunFile));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private long Planned(int pairs, params string[] more)
    {
        var settings = Read([.. more, $"pairs_per_leaf={pairs}"]);
        var data = PreparedData.Make(settings, Output, CancellationToken.None);
        using var planner = new RunPlanner(settings, data.RowsOfSources, Output.Pairs("train"), Two);
        return planner.Of(pairs, Decisions.IsPrecomputed(settings) || settings.Of(TrainingKeys.Epochs) > 1).Total;
    }

    private Decisions Decide(params string[] more) => Decide(Two, more);

    private Decisions Decide(WorkerPlace[] places, params string[] more)
    {
        var settings = Read(more);
        return Decisions.Make(settings, PreparedData.Make(settings, Output, CancellationToken.None), Output, places);
    }

    private Settings Read(params string[] more) => SettingsReader.Read(
        "model: {path: model}\ndata: {train: pairs.jsonl, pairs_per_step: 8, cache_dir: none}\n", "run.yaml", _folder, more, _folder);

    // A hair more, so that rounding takes nothing away.
    private static string Gigabytes(long bytes) => ((bytes + 64.0) / (1L << 30)).ToString("R", CultureInfo.InvariantCulture);

    private static string Ids(int count) => string.Join(',', Enumerable.Range(1, count));
}
