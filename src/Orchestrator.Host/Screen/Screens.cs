using Spectre.Console;

namespace Orchestrator.Host.Screen;

/// <summary>The console for people: wide where it is not a terminal, so that a line of a log stays one line.</summary>
public static class Screens
{
    private const int WidthOfALog = 1000;

    public static IAnsiConsole Out { get; } = Create(Console.Out, Console.IsOutputRedirected);

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (redirected)
        {
            console.Profile.Width = WidthOfALog;
        }

        return console;
    }
}
