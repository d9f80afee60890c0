using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Verbs;
using Spectre.Console.Testing;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class KeysTests
{
    [Fact]
    public void No_two_keys_share_a_name() =>
        Assert.Empty(Keys.All.SelectMany(key => key.Aliases.Append(key.Name)).GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key));

    [Fact]
    public void Every_default_is_a_value_its_key_would_take() => Assert.All(
        Keys.All.Where(key => !key.Required),
        key => Assert.Equal(key.DefaultText, key.Write(key.Read(YamlReader.Read(key.DefaultText, "default"), "/"))));

    [Fact]
    public void The_list_of_keys_shows_each_with_its_default()
    {
        using var console = new TestConsole().Width(200);
        KeysVerb.Show(console, null);
        Assert.All(Keys.All, key => Assert.Contains($"  {key.Name}: {key.DefaultText}", console.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("bteа", "beta", 2)]
    [InlineData("ebta", "beta", 1)]
    [InlineData("", "abc", 3)]
    public void Words_differ_by_their_edits(string a, string b, int edits) => Assert.Equal(edits, EditDistance.Between(a, b));
}
