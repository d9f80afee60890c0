namespace Orchestrator.Host.RunFile;

/// <summary>Where a value was written: a line of a file, or an option of the command line (line 0).</summary>
public sealed record Place(string Source, int Line = 0)
{
    public override string ToString() => Line == 0 ? Source : $"{Source}, line {Line}";
}

/// <summary>One thing that is wrong with a run file: where, what was found, what is needed.</summary>
public sealed record Problem(Place Place, string Message)
{
    public override string ToString() => $"{Place}: {Message}";
}

/// <summary>A run file cannot be used. Every problem found is in it, in the order of the file.</summary>
public sealed class RunFileException : Exception
{
    public RunFileException(IEnumerable<Problem> problems)
        : this([.. problems.OrderBy(problem => problem.Place.Line == 0).ThenBy(problem => problem.Place.Line)])
    {
    }

    private RunFileException(Problem[] problems)
        : base(string.Join(Environment.NewLine, (object[])problems)) => Problems = problems;

    public IReadOnlyList<Problem> Problems { get; }
}
