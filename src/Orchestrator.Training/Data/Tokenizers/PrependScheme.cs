namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Where Metaspace puts a mark before a text that does not begin with one.</summary>
internal static class PrependScheme
{
    public const string Always = "always", First = "first", Never = "never";

    /// <summary>Reads "prepend_scheme", or the older "add_prefix_space".</summary>
    public static string Read(TokenizerSection section)
    {
        section.Without("str_rep");
        var scheme = section.Text("prepend_scheme", section.Flag("add_prefix_space", true) ? Always : Never);
        return scheme is Always or First or Never ? scheme : throw section.Wrong("prepend_scheme", $"\"{Always}\", \"{First}\" or \"{Never}\"");
    }
}
