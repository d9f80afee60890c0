using System.CommandLine;
using System.Text.Json;
using Orchestrator.Host.Doctor;
using Orchestrator.Host.Screen;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator doctor`: what would stop a run on this machine, and how to mend it.</summary>
public static class DoctorVerb
{
    public static Command Command()
    {
        var json = VerbOptions.Json();
        var output = new Option<string>("--output") { DefaultValueFactory = _ => ".", Description = "The folder a run would write to." };
        var command = new Command("doctor", "Look for what would stop a run on this machine, and say how to mend it.") { output, json };
        command.SetAction(parsed =>
        {
            var findings = Examination.Run(VerbOptions.Folder(parsed.GetRequiredValue(output))).ToArray();
            return parsed.GetValue(json) ? Print(findings) : Show(Screens.Out, findings);
        });
        return command;
    }

    public static int Show(IAnsiConsole console, IReadOnlyList<Finding> findings)
    {
        foreach (var finding in findings)
        {
            var mark = finding.Verdict switch { Verdict.Good => "[green]ok     [/]", Verdict.Warning => "[yellow]warning[/]", _ => "[red]stops  [/]" };
            console.MarkupLine($"{mark} [bold]{Markup.Escape(finding.About)}[/]: {Markup.Escape(finding.Found)}");
            if (finding.Mend.Length > 0)
            {
                console.MarkupLineInterpolated($"        {finding.Mend}");
            }
        }

        var code = Code(findings);
        console.WriteLine(code == ExitCode.Done ? "A run can start here." : "A run cannot start here.");
        return code;
    }

    private static int Print(IReadOnlyList<Finding> findings)
    {
        Console.WriteLine(JsonSerializer.Serialize(
            findings.Select(finding => new { about = finding.About, verdict = finding.Verdict.ToString().ToLowerInvariant(), found = finding.Found, mend = finding.Mend }),
            VerbOptions.JsonStyle));
        return Code(findings);
    }

    private static int Code(IReadOnlyList<Finding> findings) =>
        findings.Any(finding => finding.Verdict == Verdict.Stops) ? ExitCode.Failed : ExitCode.Done;
}
