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
    public async Task What_lies_in_the_target_is_replaced_only_where_that_is_said()
    {
        var model = Path.Combine(_folder, "model");
        using (var tiny = TinyModel.Create("llama"))
        {
            ModelDirectory.Save(tiny, null, model);
            using var adapter = TinyAdapter.Create(tiny.Spec);
            AdapterDirectory.Save(adapter, tiny.Spec, null, Adapter);
        }

        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "precious.txt"), "");
        Task<int> Merge(string to, bool overwrite) => MergeVerb.RunAsync(model, Adapter, to, overwrite, TextWriter.Null, CancellationToken.None);
        Assert.Contains("--overwrite", (await Assert.ThrowsAsync<ArgumentException>(() => Merge(Target, false))).Message, StringComparison.Ordinal);
        Assert.Contains("what would be merged", (await Assert.ThrowsAsync<ArgumentException>(() => Merge(model, true))).Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, await Merge(Target, true));
        Assert.Equal(["config.json", "model.safetensors"], Directory.EnumerateFiles(Target).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    private static List<string> Tensors(string directory)
    {
        using var files = WeightFiles.Open(directory);
        return [.. files.Entries.Select(entry => $"{entry.Name} {entry.Dtype} {entry.ShapeText}").Order(StringComparer.Ordinal)];
    }
}
