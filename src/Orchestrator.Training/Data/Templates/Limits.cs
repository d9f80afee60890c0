namespace Orchestrator.Training.Data.Templates;

/// <summary>What one rendering may cost. A conversation needs thousandths of this; a template that runs away is stopped with an error.</summary>
internal sealed class Limits
{
    /// <summary>Characters of one string, and of the whole rendering.</summary>
    public const int LongestText = 4_000_000;

    /// <summary>Macros, loops and expressions inside one another.</summary>
    public const int DeepestCalls = 1500;

    /// <summary>Items of one range(): Jinja's sandbox sets the same.</summary>
    public const int LongestRange = 100_000;

    // One unit is about one operation, or four characters copied.
    private const long MostWork = 30_000_000;

    private long _done;

    public void Charge(long units)
    {
        _done += units;
        if (_done > MostWork)
        {
            throw new TemplateError($"the template does more work than one conversation can need (over {MostWork} steps).");
        }
    }

    public static void CheckText(long length)
    {
        if (length > LongestText)
        {
            throw new TemplateError($"the template makes a text of more than {LongestText} characters.");
        }
    }
}
