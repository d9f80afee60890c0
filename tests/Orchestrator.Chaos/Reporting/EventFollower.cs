using System.Text.Json;

namespace Orchestrator.Chaos.Reporting;

/// <summary>One line "step_committed" of events.jsonl.</summary>
/// <param name="Workers">In the generation that committed it.</param>
internal sealed record Commit(DateTimeOffset Time, long Step, long Term, int Generation, int Pairs, int Workers);

/// <summary>One line "membership_changed".</summary>
internal sealed record Membership(DateTimeOffset Time, string What, double Seconds, int RecomputedLeaves);

/// <summary>Reads events.jsonl on as it grows; whoever coordinates next goes on with a copy of it, so what was read stays where it was.</summary>
internal sealed class EventFollower(string path)
{
    private long _read;

    public List<Commit> Commits { get; } = [];

    public List<Membership> Memberships { get; } = [];

    public List<string> Warnings { get; } = [];

    /// <summary>Names of the workers that are in.</summary>
    public HashSet<string> Members { get; } = [];

    /// <summary>host:port of who coordinates, or did last.</summary>
    public string Coordinator { get; private set; } = "";

    /// <summary>How the run ended; null while it goes on.</summary>
    public string? Ended { get; private set; }

    public void Read()
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = _read;
        using var reader = new StreamReader(file);
        var text = reader.ReadToEnd();
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        _read += System.Text.Encoding.UTF8.GetByteCount(whole);
        foreach (var line in whole.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Take(JsonDocument.Parse(line).RootElement);
        }
    }

    private void Take(JsonElement line)
    {
        switch (line.GetProperty("event").GetString())
        {
            case "step_committed":
                Commits.Add(new Commit(
                    line.GetProperty("time").GetDateTimeOffset(), line.GetProperty("step").GetInt64(), line.GetProperty("term").GetInt64(),
                    line.GetProperty("generation").GetInt32(), line.GetProperty("pairs").GetInt32(), line.GetProperty("workers").GetInt32()));
                break;
            case "membership_changed":
                Members.Clear();
                Members.UnionWith(line.GetProperty("members").EnumerateArray().Select(member => member.GetString()!));
                Memberships.Add(new Membership(
                    line.GetProperty("time").GetDateTimeOffset(), line.GetProperty("what").GetString()!, line.GetProperty("seconds").GetDouble(), line.GetProperty("recomputed_leaves").GetInt32()));
                break;
            case "listening":
                Coordinator = line.GetProperty("control").GetString()!;
                break;
            case "warning":
                Warnings.Add(line.GetProperty("message").GetString()!);
                break;
            case "run_ended":
                Ended = $"{line.GetProperty("end").GetString()}: {line.GetProperty("reason").GetString()}";
                break;
        }
    }
}
