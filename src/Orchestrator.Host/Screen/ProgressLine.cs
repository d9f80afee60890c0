namespace Orchestrator.Host.Screen;

/// <summary>
/// Lines that stay, and below them one that changes. Where the output is not a terminal, nothing can change: the changing line is then written
/// as a line of its own where its caller says it is worth one.
/// </summary>
public sealed class ProgressLine(TextWriter writer, bool terminal, Func<int> width)
{
    private const string Clear = "\r\u001b[2K";
    private bool _shown;

    public bool Terminal { get; } = terminal;

    /// <summary>A line that stays.</summary>
    public void Write(string line)
    {
        lock (writer)
        {
            Wipe();
            writer.WriteLine(line);
            writer.Flush();
        }
    }

    /// <param name="worthALine">Without a terminal: true writes it, false drops it.</param>
    public void Show(string line, bool worthALine)
    {
        lock (writer)
        {
            if (Terminal)
            {
                writer.Write(Clear + (line.Length < width() ? line : line[..Math.Max(0, width() - 1)]));
                writer.Flush();
                _shown = true;
            }
            else if (worthALine)
            {
                writer.WriteLine(line);
                writer.Flush();
            }
        }
    }

    /// <summary>Takes the changing line away: something else writes now.</summary>
    public void End()
    {
        lock (writer)
        {
            Wipe();
            writer.Flush();
        }
    }

    private void Wipe()
    {
        if (_shown)
        {
            writer.Write(Clear);
            _shown = false;
        }
    }
}
