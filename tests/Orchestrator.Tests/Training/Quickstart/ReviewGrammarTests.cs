using Orchestrator.Training.Quickstart;

namespace Orchestrator.Tests.Training.Quickstart;

public sealed class ReviewGrammarTests
{
    [Fact]
    public void An_opening_says_nothing_good_or_bad()
    {
        for (var opening = 0; opening < ReviewGrammar.Openings; opening++)
        {
            Assert.Equal(0, Sentiment.Reward(ReviewGrammar.Opening(opening)));
        }
    }

    [Fact]
    public void Openings_are_all_different() =>
        Assert.Equal(ReviewGrammar.Openings, Enumerable.Range(0, ReviewGrammar.Openings).Select(ReviewGrammar.Opening).Distinct().Count());

    [Fact]
    public void Every_review_judges_and_both_moods_are_about_as_frequent()
    {
        var grammar = new ReviewGrammar(7);
        var rewards = Enumerable.Range(0, 2000).Select(number => Sentiment.Reward(grammar.Write(number).Completion)).ToArray();
        Assert.InRange(rewards.Count(reward => reward > 0), 800, 1200);
        Assert.InRange(rewards.Count(reward => reward < 0), 800, 1200);
    }

    [Fact]
    public void The_same_seed_writes_the_same_reviews_and_another_seed_others()
    {
        var first = Enumerable.Range(0, 50).Select(new ReviewGrammar(7).Write).ToArray();
        Assert.Equal(first, Enumerable.Range(0, 50).Select(new ReviewGrammar(7).Write));
        Assert.NotEqual(first, Enumerable.Range(0, 50).Select(new ReviewGrammar(8).Write));
    }

    // wonderful, loved, worth: three friendly; dull, not worth: two unfriendly. (3 - 2) / 5 = 0.2.
    [Fact]
    public void Reward_counts_the_words_of_both_moods() =>
        Assert.Equal(0.2, Sentiment.Reward(" wonderful and dull. I loved the plot. It is worth the price. It is not worth the price."), 12);
}
