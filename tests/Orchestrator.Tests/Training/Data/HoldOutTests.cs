using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

public sealed class HoldOutTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    // 1000 prompts at a share of 0.2: 200 are expected, give or take four standard deviations of sqrt(1000 x 0.2 x 0.8) = 12.6.
    [Fact]
    public void Rows_fall_to_one_side_or_the_other_and_are_counted()
    {
        var (train, heldOut) = Split(Lines(1000), 0.2, seed: 1);
        Assert.InRange(heldOut.RowsKept, 150, 250);
        Assert.Equal((1002L, 1000 - heldOut.RowsKept, heldOut.RowsKept, 2L), (train.RowsRead, train.RowsKept, train.RowsHeldOut, train.RowsSkipped));
        Assert.Contains($"{train.RowsKept} of 1002 rows kept (strings {train.RowsKept}), {heldOut.RowsKept} held out to evaluate on, 2 dropped: missing_field 2", train.Lines().First());
        Assert.Equal(Enumerable.Range(0, 1000).Select(row => $"Q{row}:"), Prompts(_directory.Target).Concat(Prompts(Eval)).OrderBy(prompt => int.Parse(prompt[1..^1])));
    }

    [Fact]
    public void Rows_of_one_prompt_stay_together_and_on_their_side_when_others_come()
    {
        Split(Lines(300), 0.3, seed: 7);
        var before = Prompts(Eval);
        Split(string.Join('\n', Lines(400).Split('\n').Reverse()) + "\n" + Lines(50, " other"), 0.3, seed: 7);
        var (train, after) = (Prompts(_directory.Target), Prompts(Eval));
        Assert.Empty(train.Intersect(after));
        Assert.Equal(before.Order(), after.Where(prompt => int.Parse(prompt[1..^1]) < 300).Distinct().Order());
        Assert.Contains(after.CountBy(prompt => prompt), prompt => prompt.Value == 2);
    }

    [Fact]
    public void Another_seed_is_another_split()
    {
        Split(Lines(200), 0.3, seed: 1);
        var one = Prompts(Eval);
        Split(Lines(200), 0.3, seed: 2);
        Assert.NotEqual(one, Prompts(Eval));
    }

    [Theory]
    [InlineData(1e-9, "none of the 5 usable rows")]
    [InlineData(0.999999999, "leaves none of the 5 usable rows")]
    public void A_side_without_rows_is_an_error_and_leaves_no_file(double share, string message)
    {
        var error = Assert.Throws<InvalidDataException>(() => Split(Lines(5), share, seed: 1));
        Assert.Contains(message, error.Message);
        Assert.Equal(["rows.jsonl"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    private string Eval => _directory.At("eval.pairs");

    private (DataReport Train, DataReport HeldOut) Split(string text, double share, long seed)
    {
        var (train, heldOut) = DataPreparation.Prepare(
            new DataOptions(), [_directory.Write("rows.jsonl", text)], TinyTokenizer.Create(), null, _directory.Target, new HoldOut(share, seed, Eval), CancellationToken.None);
        return (train, heldOut!);
    }

    private static string Lines(int count, string chosen = " yes") => string.Join(
        '\n',
        Enumerable.Range(0, count).Select(row => $$"""{"prompt":"Q{{row}}:","chosen":"{{chosen}}","rejected":" no"}""").Concat(count == 1000 ? ["{}", "{}"] : []));

    private static string[] Prompts(string path)
    {
        using var pairs = EncodedPairs.Open(path);
        return [.. Enumerable.Range(0, pairs.Count).Select(row => string.Concat(pairs[row].Prompt.ToArray().Select(id => (char)id)))];
    }
}
