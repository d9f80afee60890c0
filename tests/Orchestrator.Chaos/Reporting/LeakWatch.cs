using Orchestrator.Chaos.Processes;

namespace Orchestrator.Chaos.Reporting;

/// <summary>Open files and memory of every process of a run while it lives, and what is left when all should be gone.</summary>
internal sealed class LeakWatch(TimeProvider time)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);
    private readonly Dictionary<int, Life> _lives = [];
    private readonly string[] _shared = Shared();

    /// <summary>The most that any process's open files grew after its first 20 s.</summary>
    public int OpenFilesGrown => _lives.Values.Select(life => life.LastFiles - life.FirstFiles).DefaultIfEmpty(0).Max();

    /// <summary>The most that any process's own resident memory grew after its first 20 s, bytes.</summary>
    public long MemoryGrown => _lives.Values.Select(life => life.LastBytes - life.FirstBytes).DefaultIfEmpty(0).Max();

    /// <summary>Processes watched for longer than the warm-up.</summary>
    public int Watched => _lives.Values.Count(life => life.FirstFiles > 0);

    public void Sample(IEnumerable<int> processes)
    {
        foreach (var id in processes)
        {
            var life = _lives.TryGetValue(id, out var known) ? known : _lives[id] = new Life(time.GetTimestamp());
            if (time.GetElapsedTime(life.Since) < WarmUp || ProcessTable.OpenFiles(id) is not (> 0 and var files))
            {
                continue;
            }

            (life.LastFiles, life.LastBytes) = (files, ProcessTable.OwnMemory(id));
            if (life.FirstFiles == 0)
            {
                (life.FirstFiles, life.FirstBytes) = (life.LastFiles, life.LastBytes);
            }
        }
    }

    /// <summary>Files in /dev/shm that were not there before.</summary>
    public string[] SharedMemoryLeft() => [.. Shared().Except(_shared).Where(name => name.Contains("orchestrator", StringComparison.OrdinalIgnoreCase))];

    private static string[] Shared() => Directory.Exists("/dev/shm") ? [.. Directory.EnumerateFileSystemEntries("/dev/shm").Select(path => Path.GetFileName(path))] : [];

    private sealed class Life(long since)
    {
        public long Since { get; } = since;

        public int FirstFiles { get; set; }

        public int LastFiles { get; set; }

        public long FirstBytes { get; set; }

        public long LastBytes { get; set; }
    }
}
