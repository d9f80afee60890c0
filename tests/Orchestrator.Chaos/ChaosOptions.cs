using System.Globalization;

namespace Orchestrator.Chaos;

/// <summary>What the command line says.</summary>
/// <param name="Duration">How long the run is disturbed.</param>
/// <param name="Every">From one fault to the next, on average, where the run has recovered by then.</param>
/// <param name="Patience">The run's cluster.deadline_seconds.</param>
/// <param name="Folder">null: a temporary one.</param>
/// <param name="Inside">This process has a network namespace of its own already.</param>
internal sealed record ChaosOptions(
    TimeSpan Duration, TimeSpan Every, long Seed, int Workers, int Control, double Patience, string? Json, string? Folder, bool Namespaces, bool Inside)
{
    public const string InsideFlag = "--inside";

    public static ChaosOptions Default { get; } = new(TimeSpan.FromMinutes(30), TimeSpan.FromSeconds(28), 1, 4, 3, 2, null, null, Namespaces: true, Inside: false);

    /// <exception cref="ArgumentException">An option is unknown or out of its range.</exception>
    public static ChaosOptions Parse(IReadOnlyList<string> args)
    {
        var options = Default;
        for (var i = 0; i < args.Count; i++)
        {
            string Value() => ++i < args.Count ? args[i] : throw new ArgumentException($"{args[i - 1]} needs a value.");
            double Number(double least, double most) => double.TryParse(Value(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
                : throw new ArgumentException($"{args[i - 1]} is {args[i]}. Needed is a number from {least} to {most}.");
            options = args[i] switch
            {
                "--minutes" => options with { Duration = TimeSpan.FromMinutes(Number(0.2, 10000)) },
                "--every" => options with { Every = TimeSpan.FromSeconds(Number(0, 10000)) },
                "--seed" => options with { Seed = (long)Number(0, int.MaxValue) },
                "--workers" => options with { Workers = (int)Number(2, 32) },
                "--control" => options with { Control = (int)Number(3, 7) },
                "--patience" => options with { Patience = Number(1, 60) },
                "--json" => options with { Json = Path.GetFullPath(Value()) },
                "--folder" => options with { Folder = Path.GetFullPath(Value()) },
                "--no-namespaces" => options with { Namespaces = false },
                InsideFlag => options with { Inside = true },
                var other => throw new ArgumentException($"{other} is no option."),
            };
        }

        return options;
    }
}
