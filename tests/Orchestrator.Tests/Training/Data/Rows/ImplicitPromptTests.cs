using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Tests.Training.Data.Rows;

public class ImplicitPromptTests
{
    // The first three are TRL's own rule; the known answer of its tests is the first.
    [Theory]
    [InlineData("The sky is blue.", "The sky is green.", "The sky is")]
    [InlineData("The sky is blue.", "The sky is black.", "The sky is bl")]
    [InlineData("The sky", "The sky is", "The sk")]
    [InlineData("Yes", "No", "")]
    [InlineData(" Yes", " No", "")]
    [InlineData("a  b", "a  c", "a ")]
    [InlineData("x", "xy", "")]
    [InlineData("\U0001F600", "\U0001F601", "")]
    public void The_prompt_is_the_longest_common_prefix_without_the_space_it_ends_with(string chosen, string rejected, string prompt)
    {
        Assert.Equal(prompt, chosen[..ImplicitPrompt.Boundary(chosen, rejected)]);
        Assert.Equal(prompt, rejected[..ImplicitPrompt.Boundary(rejected, chosen)]);
    }

    [Fact]
    public void Earlier_seams_lie_before_the_white_space_of_earlier_words()
    {
        Assert.Equal([13, 10, 7, 3, 0], ImplicitPrompt.Seams("The sky is black.", 13));
        Assert.Equal([4, 1, 0], ImplicitPrompt.Seams("a\n\nbc", 4));
    }
}
