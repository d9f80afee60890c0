using System.Text.Json;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

public sealed class KnownAnswerTests
{
    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public void Logits_and_log_probabilities_match_the_known_answers(string name)
    {
        using var known = KnownModel.Load(name);
        foreach (var item in known.Expected.GetProperty("forward").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            if (item.TryGetProperty("attention_mask", out var mask))
            {
                CheckPadded(known, item, KnownModel.Rows(mask));
            }
            else
            {
                CheckSingle(known, item);
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public void A_model_saved_and_loaded_again_is_the_same_to_the_last_bit(string name)
    {
        using var known = KnownModel.Load(name);
        var target = Directory.CreateTempSubdirectory("saved-").FullName;
        try
        {
            ModelDirectory.Save(known.Model, known.Directory, target);
            using var again = ModelDirectory.Load(target, CPU);
            Assert.Equal(known.Model.Parameters.Select(p => p.Name), again.Parameters.Select(p => p.Name));
            Assert.All(known.Model.Parameters, p => Assert.True(p.Parameter.detach().bytes.SequenceEqual(again[p.Name].detach().bytes), p.Name));
            Assert.Equal(Tensors(known.Directory), Tensors(target));
        }
        finally
        {
            Directory.Delete(target, recursive: true);
        }
    }

    private static List<string> Tensors(string directory)
    {
        using var files = WeightFiles.Open(directory);
        return [.. files.Entries.Select(entry =>
        {
            using var bytes = new MemoryStream();
            files.CopyBytes(entry, bytes);
            return $"{entry.Name} {entry.Dtype} {entry.ShapeText} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes.ToArray()))}";
        }).Order(StringComparer.Ordinal)];
    }

    private static void CheckSingle(KnownModel known, JsonElement item)
    {
        var ids = KnownModel.Ids(item.GetProperty("input_ids"));
        var logits = known.Model.Logits(known.Model.Hidden(KnownModel.Tensor([ids])))[0];
        Close(KnownModel.Numbers(item.GetProperty("logsumexp")), logits.logsumexp(-1), known.Tolerance("logsumexp_abs"));
        var logps = logits.narrow(0, 0, ids.Length - 1).log_softmax(-1).gather(1, tensor(ids[1..]).unsqueeze(1)).squeeze(1);
        Close(KnownModel.Numbers(item.GetProperty("token_logps")), logps, known.Tolerance("token_logp_abs"));
        Assert.Equal(KnownModel.Ids(item.GetProperty("argmax")), logits.argmax(-1).data<long>().ToArray());
        if (item.TryGetProperty("logits", out var matrix))
        {
            var expected = matrix.EnumerateArray().SelectMany(row => KnownModel.Numbers(row)).ToArray();
            Close(expected, logits.flatten(), known.Tolerance("logit_abs"));
        }
    }

    private static void CheckPadded(KnownModel known, JsonElement item, long[][] mask)
    {
        var ids = KnownModel.Rows(item.GetProperty("input_ids"));
        var positions = item.TryGetProperty("position_ids", out var given) ? KnownModel.Tensor(KnownModel.Rows(given)) : null;
        var logits = known.Model.Logits(known.Model.Hidden(KnownModel.Tensor(ids), KnownModel.Tensor(mask), positions));
        var row = 0;
        foreach (var expected in item.GetProperty("logsumexp").EnumerateArray())
        {
            Close(KnownModel.Numbers(expected), logits[row++].logsumexp(-1), known.Tolerance("logsumexp_abs"));
        }
    }

    private static void Close(double?[] expected, Tensor actual, double tolerance)
    {
        var found = actual.contiguous().data<float>().ToArray();
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (expected[i] is { } value)
            {
                Assert.True(Math.Abs(value - found[i]) <= tolerance, $"[{i}]: expected {value}, found {found[i]}, tolerance {tolerance}");
            }
        }
    }
}
