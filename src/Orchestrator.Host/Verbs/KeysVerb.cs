using System.CommandLine;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator keys`: every key of the run file, its kind, default and meaning.</summary>
public static class KeysVerb
{
    public static Command Command()
    {
        var section = new Argument<string?>("section") { Arity = ArgumentArity.ZeroOrOne, Description = $"One of {string.Join(", ", Keys.Sections)}." };
        var command = new Command("keys", "List the keys of the run file.") { section };
        command.SetAction(parsed =>
        {
            Show(Screens.Out, parsed.GetValue(section));
            return ExitCode.Done;
        });
        return command;
    }

    /// <exception cref="ArgumentException">No such section.</exception>
    public static void Show(IAnsiConsole console, string? section)
    {
        if (section is not null && !Keys.Sections.Contains(section))
        {
            throw new ArgumentException($"There is no section {section}. Sections: {string.Join(", ", Keys.Sections)}.");
        }

        foreach (var name in Keys.Sections.Where(name => section is null || name == section))
        {
            console.MarkupLineInterpolated($"[bold]{name}:[/]");
            foreach (var key in Keys.All.Where(key => key.Section == name))
            {
                console.MarkupLineInterpolated($"  [bold]{key.Name}[/]: {key.DefaultText}");
                console.MarkupLineInterpolated($"    {key.Help}");
                console.MarkupLineInterpolated($"    [dim]{char.ToUpperInvariant(key.Needed[0])}{key.Needed[1..]}.{(key.Aliases.Length == 0 ? "" : $" Also: {string.Join(", ", key.Aliases)}.")}[/]");
            }
        }

        console.WriteLine("A key may stand below its section or alone; --set takes either: --set beta=0.2 or --set objective.beta=0.2.");
    }
}
