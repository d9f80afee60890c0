using System.Collections.Concurrent;

namespace Orchestrator.Host.Processes;

/// <summary>What a child prints: all of it in a file, and its last lines at hand for the message when it fails.</summary>
public sealed class ChildLog : IDisposable
{
    private const int LinesAtHand = 12;
    private readonly ConcurrentQueue<string> _last = new();
    private readonly StreamWriter _file;

    /// <param name="path">Appended to: a restarted worker goes on where its predecessor ended.</param>
    public ChildLog(string path)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        (Path, _file) = (path, new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true });
    }

    public string Path { get; }

    public IReadOnlyList<string> Last => [.. _last];

    public void Add(string line)
    {
        lock (_file)
        {
            if (!_disposed)
            {
                _file.WriteLine(line);
            }
        }

        _last.Enqueue(line);
        while (_last.Count > LinesAtHand && _last.TryDequeue(out _))
        {
        }
    }

    public void Dispose()
    {
        lock (_file)
        {
            _disposed = true;
            _file.Dispose();
        }
    }

    private bool _disposed;
}
