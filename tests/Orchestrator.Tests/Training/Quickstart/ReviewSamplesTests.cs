using Orchestrator.Training.Quickstart;

namespace Orchestrator.Tests.Training.Quickstart;

public sealed class ReviewSamplesTests
{
    [Fact]
    public void The_friendliest_completion_is_chosen_and_the_least_friendly_rejected()
    {
        ReviewSample[] samples =
        [
            new("The bed was", " tired and lovely.", [], []), new("The bed was", " dull.", [], []), new("The bed was", " warm.", [], []),
            new("The soup was", " bland.", [], []), new("The soup was", " poor.", [], []),
        ];
        Assert.Equal([new ReviewPair("The bed was", " warm.", " dull.")], ReviewSamples.Label(samples));
    }
}
