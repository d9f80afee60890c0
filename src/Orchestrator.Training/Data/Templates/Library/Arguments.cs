namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>What a call is given.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyList<KeyValuePair<string, object?>> Named)
{
    public static readonly Arguments None = new([], []);

    /// <summary>Without the first positional argument: "map" and "select" hand the rest on.</summary>
    public Arguments Rest => new([.. Positional.Skip(1)], Named);
}

/// <summary>Something a template can call.</summary>
internal interface ICallable
{
    object? Call(Evaluator evaluator, Arguments arguments);
}
