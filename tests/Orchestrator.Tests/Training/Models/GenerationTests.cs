using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

public sealed class GenerationTests
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxNewTokens = 20 };

    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public void Greedy_continuations_match_the_known_answers_alone_and_together(string name)
    {
        using var known = KnownModel.Load(name);
        var cases = known.Expected.GetProperty("greedy").EnumerateArray().ToArray();
        var prompts = cases.Select(item => Ints(item.GetProperty("prompt_ids"))).ToArray();
        var expected = cases.Select(item => Ints(item.GetProperty("ids"))).ToArray();
        var options = Greedy with { MaxNewTokens = expected[0].Length };
        Assert.Equal(expected, Generation.Generate(known.Model, prompts, options));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(expected[i], Generation.Generate(known.Model, [prompts[i]], options)[0]);
        }
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Continuing_with_a_cache_is_what_a_full_forward_pass_of_each_prefix_says(string kind)
    {
        using var model = TinyModel.Create(kind);
        int[][] prompts = [TinyModel.Ids(3, 1), TinyModel.Ids(11, 2), TinyModel.Ids(7, 3)];
        var found = Generation.Generate(model, prompts, Greedy);
        Assert.Equal(prompts.Select(prompt => ByFullPasses(model, prompt, Greedy.MaxNewTokens)), found);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.9)]
    public void The_same_seed_draws_the_same_tokens_however_the_prompts_are_batched(double topP)
    {
        using var model = TinyModel.Create("llama");
        int[][] prompts = [.. Enumerable.Range(0, 9).Select(i => TinyModel.Ids(1 + i * 5 % 7, i))];
        var options = new GenerationOptions { MaxNewTokens = 12, Seed = 4, TopP = topP, EosId = 3 };
        var together = Generation.Generate(model, prompts, options);
        Assert.Equal(together, Generation.Generate(model, prompts, options with { RowsAtOnce = 1 }));
        Assert.Equal(together, Generation.Generate(model, prompts, options with { RowsAtOnce = 4 }));
        Assert.NotEqual(together, Generation.Generate(model, prompts, options with { Seed = 5 }));
    }

    [Fact]
    public void A_continuation_ends_with_the_end_token_and_the_others_go_on()
    {
        using var model = TinyModel.Create("gpt2");
        int[][] prompts = [.. Enumerable.Range(0, 6).Select(i => TinyModel.Ids(4 + i, i))];
        var unending = Generation.Generate(model, prompts, Greedy);
        var eos = unending.SelectMany(ids => ids).First(id => unending.Any(ids => !ids.Contains(id)));
        var expected = unending.Select(ids => Array.IndexOf(ids, eos) is >= 0 and var at ? ids[..(at + 1)] : ids).ToArray();
        Assert.Contains(expected, ids => ids.Length < Greedy.MaxNewTokens);
        Assert.Contains(expected, ids => ids.Length == Greedy.MaxNewTokens);
        Assert.Equal(expected, Generation.Generate(model, prompts, Greedy with { EosId = eos }));
    }

    [Fact]
    public void Generating_leaves_no_tensor_behind()
    {
        using var model = TinyModel.Create("gemma2");
        Generation.Generate(model, [TinyModel.Ids(4)], Greedy);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Generation.Generate(model, [TinyModel.Ids(4), TinyModel.Ids(9)], Greedy with { Temperature = 1, EosId = 2 });
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void What_cannot_be_continued_is_refused_before_any_work()
    {
        using var model = TinyModel.Create("gpt2");
        string Refused(int[] prompt, GenerationOptions options) =>
            Assert.Throws<ArgumentException>(() => Generation.Generate(model, [[1, 2], prompt], options)).Message;
        Assert.Contains("Prompt 1 has no tokens", Refused([], Greedy), StringComparison.Ordinal);
        Assert.Contains("Prompt 1 has id 61", Refused([1, 61], Greedy), StringComparison.Ordinal);
        Assert.Contains("Prompt 1 has id -1", Refused([-1], Greedy), StringComparison.Ordinal);
        Assert.Contains("30 tokens and 20 are to follow", Refused(TinyModel.Ids(30), Greedy), StringComparison.Ordinal);
        Assert.Equal(20, Generation.Generate(model, [TinyModel.Ids(29)], Greedy)[0].Length);
    }

    [Fact]
    public void Generation_that_is_cancelled_stops()
    {
        using var model = TinyModel.Create("llama");
        Assert.Throws<OperationCanceledException>(() => Generation.Generate(model, [[1]], Greedy, new CancellationToken(canceled: true)));
    }

    private static int[] Ints(System.Text.Json.JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    private static int[] ByFullPasses(CausalLM model, int[] prompt, int count)
    {
        using var guard = no_grad();
        var ids = prompt.Select(id => (long)id).ToList();
        for (var made = 0; made < count; made++)
        {
            using var scope = NewDisposeScope();
            var logits = model.Logits(model.Hidden(tensor(ids.ToArray()).unsqueeze(0)).select(1, ids.Count - 1));
            ids.Add(logits.argmax(-1).item<long>());
        }

        return [.. ids.Skip(prompt.Length).Select(id => (int)id)];
    }
}
