using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Tests.Training.Checkpoints;

public sealed class CheckpointFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("checkpoints-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_newest_whole_checkpoint_is_found()
    {
        Save(1, 10);
        var written = Save(1, 20);
        var (newest, skipped) = CheckpointFolder.FindNewest(_root);
        Assert.Equal(20, newest!.State.GlobalStep);
        Assert.Equal(0xABCUL, newest.State.Digest);
        Assert.Equal(written.WeightsSha256, newest.WeightsSha256);
        Assert.Empty(skipped);
        Assert.Equal(["step-00000010", "step-00000020"], Names());
    }

    [Fact]
    public void Without_a_directory_nothing_is_found()
    {
        var (newest, skipped) = CheckpointFolder.FindNewest(Path.Combine(_root, "absent"));
        Assert.Null(newest);
        Assert.Empty(skipped);
    }

    [Fact]
    public void A_later_step_of_an_older_term_lost_and_is_skipped()
    {
        Save(1, 30);
        Save(2, 20);
        var (newest, skipped) = CheckpointFolder.FindNewest(_root);
        Assert.Equal(20, newest!.State.GlobalStep);
        Assert.Contains("term 1", Assert.Single(skipped).Why, StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<string>, string> Damages => new()
    {
        { "cut short", d => Truncate(Path.Combine(d, "model.safetensors")), "model.safetensors has 4 bytes instead of 10" },
        { "bit flipped", d => Flip(Path.Combine(d, "optimizer.safetensors")), "the bytes of optimizer.safetensors" },
        { "state flipped", d => Flip(Path.Combine(d, "trainer_state.json")), "the bytes of trainer_state.json" },
        { "file lost", d => File.Delete(Path.Combine(d, "optimizer.safetensors")), "optimizer.safetensors is missing" },
        { "no manifest", d => File.Delete(Path.Combine(d, "manifest.json")), "never finished" },
        { "manifest cut", d => Truncate(Path.Combine(d, "manifest.json")), "manifest.json cannot be read" },
        { "manifest empty", d => File.WriteAllText(Path.Combine(d, "manifest.json"), """{"version":1,"files":[]}"""), "lacks entries" },
        { "empty", d => { Directory.Delete(d, true); Directory.CreateDirectory(d); }, "never finished" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_checkpoint_is_named_and_the_one_before_it_is_taken(string kind, Action<string> damage, string why)
    {
        Save(1, 10);
        var last = Save(1, 20).Directory;
        damage(last);
        var (newest, skipped) = CheckpointFolder.FindNewest(_root);
        Assert.True(newest?.State.GlobalStep == 10, kind);
        Assert.Equal(last, Assert.Single(skipped).Directory);
        Assert.Contains(why, skipped[0].Why, StringComparison.Ordinal);
        Assert.Contains(last, Assert.Throws<InvalidDataException>(() => CheckpointFolder.Open(last)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_save_that_fails_leaves_no_trace_and_the_last_one_whole()
    {
        Save(1, 10);
        var error = Assert.Throws<IOException>(() => CheckpointWriter.Write(Path.Combine(_root, "step-00000020"), State(1, 20), directory =>
        {
            File.WriteAllText(Path.Combine(directory, "model.safetensors"), "half");
            throw new IOException("No space left on device.");
        }));
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Equal(["step-00000010"], Names());
        Assert.Equal(10, CheckpointFolder.FindNewest(_root).Newest!.State.GlobalStep);
    }

    [Fact]
    public void A_save_that_was_cut_off_is_skipped_and_cleared_by_the_next_one()
    {
        Save(1, 10);
        Directory.CreateDirectory(Path.Combine(_root, "step-00000020.term-1.tmp"));
        Directory.CreateDirectory(Path.Combine(_root, "step-00000020.term-7.tmp"));
        var (newest, skipped) = CheckpointFolder.FindNewest(_root);
        Assert.Equal(10, newest!.State.GlobalStep);
        Assert.Equal(2, skipped.Length);
        Save(2, 20);
        Assert.Equal(["step-00000010", "step-00000020", "step-00000020.term-7.tmp"], Names());
    }

    [Fact]
    public void A_save_replaces_one_of_an_older_term_and_never_one_of_a_newer()
    {
        Save(1, 10);
        Save(3, 10);
        Assert.Contains("term 3", Assert.Throws<InvalidOperationException>(() => Save(2, 10)).Message, StringComparison.Ordinal);
        Assert.Equal(3, CheckpointFolder.FindNewest(_root).Newest!.State.Term);
        Assert.Equal(["step-00000010"], Names());
    }

    [Fact]
    public void Pruning_keeps_the_newest_whole_ones()
    {
        foreach (var step in new[] { 10, 20, 30, 40 })
        {
            Save(1, step);
        }

        Flip(Path.Combine(_root, "step-00000040", "model.safetensors"));
        CheckpointFolder.Prune(_root, keepLast: 2);
        Assert.Equal(["step-00000020", "step-00000030", "step-00000040"], Names());
        Assert.Equal(30, CheckpointFolder.FindNewest(_root).Newest!.State.GlobalStep);
    }

    [Fact]
    public void Pruning_spares_what_is_still_needed()
    {
        foreach (var step in new[] { 10, 20, 30, 40 })
        {
            Save(1, step);
        }

        CheckpointFolder.Prune(_root, 1, Path.Combine(_root, "step-00000010"), null, Path.Combine(_root, "step-00000030") + "/");
        Assert.Equal(["step-00000010", "step-00000030", "step-00000040"], Names());
        CheckpointFolder.Prune(_root, 2);
        Assert.Equal(["step-00000030", "step-00000040"], Names());
    }

    [Fact]
    public void Pruning_never_deletes_the_last_good_one()
    {
        Save(1, 10);
        Flip(Path.Combine(Save(1, 20).Directory, "model.safetensors"));
        CheckpointFolder.Prune(_root, keepLast: 1);
        Assert.Equal(10, CheckpointFolder.FindNewest(_root).Newest!.State.GlobalStep);
        Assert.Throws<ArgumentOutOfRangeException>(() => CheckpointFolder.Prune(_root, keepLast: 0));
    }

    private Checkpoint Save(long term, long step) => CheckpointWriter.Write(Path.Combine(_root, CheckpointFolder.NameOf(step)), State(term, step), directory =>
    {
        File.WriteAllText(Path.Combine(directory, "model.safetensors"), $"weights {step}");
        File.WriteAllText(Path.Combine(directory, "optimizer.safetensors"), $"states of {step}");
    });

    private static TrainerState State(long term, long step) =>
        new() { RunId = "run", Term = term, GlobalStep = step, Seed = 3, StateDigest = TrainerState.Hex(0xABC), Optimizer = "rmsprop" };

    private string[] Names() => [.. Directory.EnumerateDirectories(_root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static void Truncate(string path)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(4);
    }

    private static void Flip(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
