using Orchestrator.Host;
using Orchestrator.Host.Verbs;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Tests.Training.Models.Adapters;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Host.Verbs;

public sealed class MergeVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("merge-").FullName;

    private string Model => Path.Combine(_folder, "model");

    private string Adapter => Path.Combine(_folder, "adapter");

    private string Target => Path.Combine(_folder, "merged");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // llama_sharded_bf16 rounds what was merged to 8 bits of mantissa, as its own weights are.
    [SkippableTheory]
    [InlineData("llama", 1e-5)]
    [InlineData("gpt2_hubnames", 1e-5)]
    [InlineData("gpt_neox_sequential", 1e-5)]
    [InlineData("llama_sharded_bf16", 0.1)]
    public async Task The_merged_model_has_the_models_layout_and_the_adapters_answers(string name, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var known = KnownModel.Load(name);
        known.Model.Attach(TinyAdapter.Create(known.Model.Spec));
        AdapterDirectory.Save(known.Model.Adapter!, known.Model.Spec, null, Adapter);
        Assert.Equal(ExitCode.Done, await MergeVerb.RunAsync(known.Directory, Adapter, Target, false, TextWriter.Null, CancellationToken.None));
        Assert.Equal(Tensors(known.Directory), Tensors(Target));
        Assert.True(File.Exists(Path.Combine(Target, "tokenizer.json")));
        Assert.Equal(["adapter", "merged"], Directory.EnumerateDirectories(_folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        using var merged = ModelDirectory.Load(Target, CPU);
        var (expected, found) = (TinyAdapter.Logits(known.Model), TinyAdapter.Logits(merged));
        Assert.InRange(TinyAdapter.Distance(expected, found), 0, tolerance * Math.Max(1, expected.abs().max().item<float>()));
        Assert.True(TinyAdapter.Distance(known.Model.WithAdapter(null, TinyAdapter.Logits), found) > 0.01);
    }

    [Fact]
    public async Task A_model_in_the_target_is_replaced_only_where_that_is_said()
    {
        SaveTiny();
        Assert.Equal(ExitCode.Done, await Merge(Target, false));
        File.WriteAllText(Path.Combine(Target, "of-the-old-model.json"), "");
        await Refused(Target, false, "--overwrite");
        Assert.Equal(ExitCode.Done, await Merge(Target, true));
        Assert.Equal(["config.json", "model.safetensors"], Directory.EnumerateFiles(Target).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_is_no_models_folder_is_never_deleted()
    {
        SaveTiny();
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "precious.txt"), "");
        await Refused(Target, true, "holds no config.json");
        File.WriteAllText(Path.Combine(Target, "config.json"), "{}");
        Directory.CreateDirectory(Path.Combine(Target, "checkpoints"));
        await Refused(Target, true, "holds the folder checkpoints");
        Directory.Delete(Path.Combine(Target, "checkpoints"));
        Directory.CreateDirectory(Path.Combine(Target + ".tmp", "another"));
        await Refused(Target, true, $"{Target}.tmp");
        Assert.True(File.Exists(Path.Combine(Target, "precious.txt")));
        Assert.True(Directory.Exists(Path.Combine(Target + ".tmp", "another")));
    }

    [Fact]
    public async Task A_target_that_holds_or_lies_in_what_is_merged_is_refused()
    {
        SaveTiny();
        var link = Path.Combine(_folder, "link");
        Directory.CreateSymbolicLink(link, _folder);
        foreach (var overwrite in new[] { false, true })
        {
            await Refused(Model, overwrite, "what would be merged");
            await Refused(Path.Combine(_folder, "adapter", "..", "model"), overwrite, "what would be merged");
            await Refused(Path.Combine(link, "model"), overwrite, "what would be merged");
            await Refused(_folder, overwrite, $"which holds {Model}");
            await Refused(link, overwrite, $"which holds {Model}");
            await Refused(Path.Combine(Model, "merged"), overwrite, $"which lies in {Model}");
            await Refused(Path.Combine(link, "adapter", "deep", "merged"), overwrite, $"which lies in {Adapter}");
        }

        Assert.True(File.Exists(Path.Combine(Model, "model.safetensors")));
        Assert.True(File.Exists(Path.Combine(Adapter, "adapter_model.safetensors")));
        Assert.Equal(ExitCode.Done, await Merge(Model + "-merged", false));
    }

    private Task<int> Merge(string to, bool overwrite) => MergeVerb.RunAsync(Model, Adapter, to, overwrite, TextWriter.Null, CancellationToken.None);

    private async Task Refused(string to, bool overwrite, string why) =>
        Assert.Contains(why, (await Assert.ThrowsAsync<ArgumentException>(() => Merge(to, overwrite))).Message, StringComparison.Ordinal);

    private void SaveTiny()
    {
        using var tiny = TinyModel.Create("llama");
        ModelDirectory.Save(tiny, null, Model);
        using var adapter = TinyAdapter.Create(tiny.Spec);
        AdapterDirectory.Save(adapter, tiny.Spec, null, Adapter);
    }

    private static List<string> Tensors(string directory)
    {
        using var files = WeightFiles.Open(directory);
        return [.. files.Entries.Select(entry => $"{entry.Name} {entry.Dtype} {entry.ShapeText}").Order(StringComparer.Ordinal)];
    }
}
