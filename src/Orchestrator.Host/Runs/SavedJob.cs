using System.Text.Json;
using Orchestrator.Core;

namespace Orchestrator.Host.Runs;

/// <summary>job.json: what a run was started with, kept so that a resume can tell whether it is still the same.</summary>
public static class SavedJob
{
    private static readonly JsonSerializerOptions Style = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static void Write(Job job, string path) => File.WriteAllText(path, JsonSerializer.Serialize(job, Style) + "\n");

    /// <exception cref="InvalidDataException">The file is absent or no job.</exception>
    public static Job Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Job>(File.ReadAllText(path), Style) ?? throw new InvalidDataException($"{path} is empty.");
        }
        catch (Exception error) when (error is JsonException or IOException)
        {
            throw new InvalidDataException($"{path} cannot be read ({error.Message}), and a resume needs it. Start anew in another folder.");
        }
    }
}
