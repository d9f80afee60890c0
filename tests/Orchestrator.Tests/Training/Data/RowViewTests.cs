using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

public sealed class RowViewTests : IDisposable
{
    private const string Lines = """
        {"prompt":"Q:","chosen":" yes","rejected":" no"}

        {"prompt":"Question:","chosen":" yes","rejected":" never"}
        {"prompt":"Q:","chosen":" yes"}
        {"prompt":"A prompt too long","chosen":" yes","rejected":" no"}
        """;

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_row_shows_its_tokens_and_which_of_them_count_and_which_are_cut()
    {
        var view = Read(1);
        Assert.Equal((1L, 3L, "strings", null), (view.Row, view.Line, view.Format, view.Problem));
        Assert.Equal("Question:", string.Concat(view.Tokens.Prompt.Select(token => token.Text)));
        Assert.Equal([true, true, true, false, false], view.Tokens.Chosen.Select(token => token.Kept));
        Assert.Equal(new TokenView(End, "</s>", Counted: true, Kept: false), view.Tokens.Chosen[^1]);
        Assert.Equal(new TokenView('Q', "Q", Counted: false, Kept: true), view.Tokens.Prompt[0]);
    }

    [Fact]
    public void A_prompt_cut_at_its_start_shows_where()
    {
        var view = RowView.Read(new DataOptions { MaxLength = 10, TruncationMode = TruncationMode.KeepEnd }, [_directory.Write("rows.jsonl", Lines)], Create(), null, 1);
        Assert.Equal("on:", string.Concat(view.Tokens.Prompt.Where(token => token.Kept).Select(token => token.Text)));
    }

    [Fact]
    public void A_bad_row_shows_its_problem()
    {
        var view = Read(2);
        Assert.Equal((4L, RowProblem.MissingField), (view.Line, view.Problem));
        Assert.Contains("\"rejected\" is missing", view.Detail);
        Assert.Empty(view.Tokens.Prompt);
    }

    [Fact]
    public void A_row_too_long_shows_the_tokens_it_would_have_had()
    {
        var view = Read(3);
        Assert.Equal(RowProblem.TooLong, view.Problem);
        Assert.Equal(17, view.Tokens.Prompt.Length);
        Assert.DoesNotContain(view.Tokens.Chosen, token => token.Kept);
    }

    [Fact]
    public void A_row_that_is_not_there_is_an_error_that_says_how_many_there_are() =>
        Assert.Contains("holds 4 rows", Assert.Throws<ArgumentOutOfRangeException>(() => Read(4)).Message);

    private RowView Read(long row) => RowView.Read(new DataOptions { MaxLength = 12 }, [_directory.Write("rows.jsonl", Lines)], Create(), null, row);
}
