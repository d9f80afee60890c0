using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Tests.Training.Data.Rows;

public class TruncationTests
{
    // The example of each mode's documentation: P = 4, C = 3, R = 1, M = 6.
    [Theory]
    [InlineData(TruncationMode.KeepStart, null, 0, 4, 2, 1)]
    [InlineData(TruncationMode.KeepEnd, null, 1, 3, 3, 1)]
    [InlineData(TruncationMode.KeepStart, 2, 2, 2, 3, 1)]
    [InlineData(TruncationMode.KeepStart, 5, 0, 4, 2, 1)]
    [InlineData(TruncationMode.KeepEnd, 2, 2, 2, 3, 1)]
    [InlineData(TruncationMode.Paper, 3, 0, 3, 3, 1)]
    [InlineData(TruncationMode.Paper, 5, 0, 4, 1, 1)]
    public void A_row_too_long_loses_what_its_mode_says(TruncationMode mode, int? prompt, int start, int keptPrompt, int chosen, int rejected) =>
        Assert.Equal(new Kept(start, keptPrompt, chosen, rejected), Truncation.Cut(4, 3, 1, Options(mode, 6, prompt), keepsEnd: false));

    [Theory]
    [InlineData(TruncationMode.KeepStart)]
    [InlineData(TruncationMode.KeepEnd)]
    [InlineData(TruncationMode.Paper)]
    public void A_row_that_fits_loses_nothing(TruncationMode mode) =>
        Assert.Equal(new Kept(0, 4, 2, 1), Truncation.Cut(4, 2, 1, Options(mode, 6, mode == TruncationMode.Paper ? 2 : null), keepsEnd: true));

    // TRL v0: prompt[-5:] of 20 tokens, then completions cut where 5 + 4 > 8, whatever would have fitted without max_length.
    [Theory]
    [InlineData(8, 3)]
    [InlineData(100, 4)]
    public void A_prompt_longer_than_its_own_limit_keeps_its_end_and_with_it_the_last_question(int length, int chosen) =>
        Assert.Equal(new Kept(15, 5, chosen, 2), Truncation.Cut(20, 4, 2, Options(TruncationMode.KeepStart, length, 5), keepsEnd: false));

    // The paper's code: 300 + 400 > 512, so the prompt is cut to 256; 256 + 400 > 512, so both answers are cut to 256.
    [Theory]
    [InlineData(300, 400, 10, false, 0, 256, 256, 10)]
    [InlineData(300, 400, 10, true, 44, 256, 256, 10)]
    [InlineData(300, 256, 256, true, 44, 256, 256, 256)]
    [InlineData(100, 500, 300, true, 0, 100, 256, 256)]
    public void The_papers_rule_cuts_answers_to_what_a_full_prompt_would_leave(int prompt, int chosen, int rejected, bool end, int start, int keptPrompt, int keptChosen, int keptRejected) =>
        Assert.Equal(new Kept(start, keptPrompt, keptChosen, keptRejected), Truncation.Cut(prompt, chosen, rejected, Options(TruncationMode.Paper, 512, 256), end));

    [Fact]
    public void The_papers_rule_takes_half_for_the_prompt_where_nothing_else_is_said() =>
        Assert.Equal(new Kept(0, 5, 5, 3), Truncation.Cut(8, 9, 3, Options(TruncationMode.Paper, 10, null), keepsEnd: false));

    [Fact]
    public void Keeping_the_end_leaves_one_token_of_the_prompt_and_the_start_of_the_answers() =>
        Assert.Equal(new Kept(3, 1, 5, 4), Truncation.Cut(4, 9, 4, Options(TruncationMode.KeepEnd, 6, null), keepsEnd: false));

    // TRL: max_length 6, keep_start. A prompt of 6 tokens leaves nothing of the answers, one of 5 leaves a token.
    [Fact]
    public void A_prompt_that_fills_the_length_is_a_problem_of_the_row()
    {
        var error = Assert.Throws<BadRowException>(() => Truncation.Cut(6, 2, 2, Options(TruncationMode.KeepStart, 6, null), keepsEnd: false));
        Assert.Equal(RowProblem.TooLong, error.Problem);
        Assert.Equal(new Kept(0, 5, 1, 1), Truncation.Cut(5, 2, 2, Options(TruncationMode.KeepStart, 6, null), keepsEnd: false));
    }

    [Fact]
    public void Without_a_limit_nothing_is_cut() =>
        Assert.Equal(new Kept(0, 9999, 7, 0), Truncation.Cut(9999, 7, 0, new DataOptions { MaxLength = null }, keepsEnd: false));

    private static DataOptions Options(TruncationMode mode, int length, int? prompt) => new() { TruncationMode = mode, MaxLength = length, MaxPromptLength = prompt };
}
