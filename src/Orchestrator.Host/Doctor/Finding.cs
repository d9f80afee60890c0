namespace Orchestrator.Host.Doctor;

public enum Verdict
{
    Good,
    Warning,
    Stops,
}

/// <summary>What one check found.</summary>
/// <param name="About">One or two words: "memory".</param>
/// <param name="Found">What is there.</param>
/// <param name="Mend">What to do about it; empty where nothing needs doing.</param>
public sealed record Finding(string About, Verdict Verdict, string Found, string Mend = "")
{
    public static Finding Good(string about, string found) => new(about, Verdict.Good, found);

    public static Finding Warning(string about, string found, string mend) => new(about, Verdict.Warning, found, mend);

    public static Finding Stops(string about, string found, string mend) => new(about, Verdict.Stops, found, mend);
}
