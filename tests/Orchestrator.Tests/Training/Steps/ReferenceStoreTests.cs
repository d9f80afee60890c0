using Orchestrator.Core;
using Orchestrator.Training;
using Orchestrator.Training.Steps;

namespace Orchestrator.Tests.Training.Steps;

public sealed class ReferenceStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("reference-").FullName;

    [Fact]
    public void What_one_process_adds_another_finds_at_once_and_a_later_one_at_its_start()
    {
        using var first = new ReferenceStore(_folder, "key");
        using var second = new ReferenceStore(_folder, "key");
        first.Add(7, [-1.5f, -0.25f]);
        second.Add(2, []);
        Assert.Equal([-1.5f, -0.25f], second.Find(7)!);
        Assert.Empty(first.Find(2)!);
        Assert.Null(first.Find(3));
        using var later = new ReferenceStore(_folder, "key");
        using var other = new ReferenceStore(_folder, "another");
        Assert.Equal((2, 0), (later.Count, other.Count));
    }

    [Fact]
    public void A_record_cut_off_is_left_out_and_a_damaged_one_ends_its_file()
    {
        using (var store = new ReferenceStore(_folder, "key"))
        {
            store.Add(0, [-1f]);
            store.Add(1, [-2f]);
            store.Add(2, [-3f]);
        }

        var path = Assert.Single(Directory.GetFiles(_folder));
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^1]);
        using var cut = new ReferenceStore(_folder, "key");
        Assert.Equal((2, null), (cut.Count, cut.Find(2)));
        bytes[bytes.Length / 3 + 9] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var damaged = new ReferenceStore(_folder, "key");
        Assert.Equal((1, null, null), (damaged.Count, damaged.Find(1), damaged.Find(2)));
    }

    [Fact]
    public void The_key_changes_with_the_reference_s_files_the_rows_and_the_way_of_computing_and_with_nothing_else()
    {
        var job = JobOf(("model/a", "1"), ("pairs/train.pairs", "2"), ("pairs/eval.pairs", "3"));
        var key = ReferenceStore.KeyOf(job, "train", "fp32");
        Assert.Equal(key, ReferenceStore.KeyOf(JobOf(("pairs/eval.pairs", "9"), ("pairs/train.pairs", "2"), ("model/a", "1"), ("checkpoint/a", "5")), "train", "fp32"));
        Assert.NotEqual(key, ReferenceStore.KeyOf(job, "eval", "fp32"));
        Assert.NotEqual(key, ReferenceStore.KeyOf(job, "train", "bf16"));
        Assert.NotEqual(key, ReferenceStore.KeyOf(JobOf(("model/a", "8"), ("pairs/train.pairs", "2")), "train", "fp32"));
        Assert.NotEqual(key, ReferenceStore.KeyOf(JobOf(("model/a", "1"), ("reference/a", "4"), ("pairs/train.pairs", "2")), "train", "fp32"));
        Assert.Null(ReferenceStore.KeyOf(JobOf(), "train", "fp32"));
    }

    [Fact]
    public async Task A_second_run_finds_what_the_first_computed_and_ends_in_the_same_bits_without_the_reference()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 6, pairsPerStep: 3, pairsPerLeaf: 1, steps: 2);
        rig.Options = rig.Options with { Reference = ReferenceMode.Precompute };
        var without = await rig.TrainAsync(1, 2);
        rig.Options = rig.Options with { ReferenceCache = _folder };
        rig.Job = rig.Job with { Files = JobOf(("model/model.safetensors", "1"), ("pairs/train.pairs", "2")).Files };
        var first = await rig.TrainAsync(2, 2);
        var broken = Directory.CreateDirectory(Path.Combine(rig.Root, "broken")).FullName;
        File.WriteAllText(Path.Combine(broken, "config.json"), "{}");
        rig.AddFolder("reference", broken); // loading it would fail
        var second = await rig.TrainAsync(1, 2);
        Assert.Equal((without.Weights, without.Weights), (first.Weights, second.Weights));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Job JobOf(params (string Name, string Sha256)[] files) =>
        new() { RunId = "test", RunFile = "", Plan = new PlanOptions(0, 1, 1, 1), Files = [.. files.Select(file => new JobFile(file.Name, file.Sha256, 1, ""))] };
}
