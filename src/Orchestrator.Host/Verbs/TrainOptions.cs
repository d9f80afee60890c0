using System.CommandLine;

namespace Orchestrator.Host.Verbs;

/// <summary>The options of the verbs that train.</summary>
internal sealed class TrainOptions
{
    private readonly Option<string[]> _set = new("--set") { Description = "key=value: wins over the run file. See: orchestrator keys.", AllowMultipleArgumentsPerToken = false };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the newest complete checkpoint of the output folder." };
    private readonly Option<string?> _output = new("--output") { Description = "The output folder; as --set output_dir=DIR." };
    private readonly Option<int?> _workers = new("--workers") { Description = "Worker processes on the CPU; as --set workers=N." };

    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Delete the run that the output folder holds; as --set overwrite=true." };

    private readonly Option<string?> _trace = VerbOptions.Trace();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _set, _resume, _output, _workers, _overwrite, _trace })
        {
            command.Add(option);
        }
    }

    public bool Resumes(ParseResult parsed) => parsed.GetValue(_resume);

    /// <summary>The file for a timeline; null: none.</summary>
    public string? Trace(ParseResult parsed) => parsed.GetValue(_trace) is { } file ? Path.GetFullPath(file) : null;

    /// <summary>key=value, the last of a key wins.</summary>
    public IReadOnlyList<string> Overrides(ParseResult parsed) =>
    [
        .. parsed.GetValue(_set) ?? [],
        .. parsed.GetValue(_output) is { } folder ? [$"output_dir={VerbSettings.Quote(folder)}"] : Array.Empty<string>(),
        .. parsed.GetValue(_workers) is { } count ? [$"workers={count}"] : Array.Empty<string>(),
        .. parsed.GetValue(_overwrite) ? ["overwrite=true"] : Array.Empty<string>(),
    ];
}
