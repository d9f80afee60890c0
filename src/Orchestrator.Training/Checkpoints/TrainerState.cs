using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Training.Checkpoints;

/// <summary>trainer_state.json: where the run was. Nothing in it depends on how many workers there were.</summary>
public sealed record TrainerState
{
    public const string FileName = "trainer_state.json";

    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        WriteIndented = true,
    };

    public required string RunId { get; init; }

    /// <summary>Term of the coordinator that asked for it.</summary>
    public required long Term { get; init; }

    /// <summary>Optimizer updates applied: the number of the next step, which is also the place in the data and in the schedule.</summary>
    public required long GlobalStep { get; init; }

    /// <summary>Seed of the batch plan.</summary>
    public required long Seed { get; init; }

    /// <summary>16 hex digits: a resumed replica continues this chain.</summary>
    public required string StateDigest { get; init; }

    /// <summary>Name of the update rule whose states optimizer.safetensors holds.</summary>
    public required string Optimizer { get; init; }

    /// <summary>Rate of the next step, for people who read the file.</summary>
    public double LearningRate { get; init; }

    /// <summary>Passes over the data so far, for people who read the file.</summary>
    public double Epoch { get; init; }

    [JsonIgnore]
    public ulong Digest => ulong.Parse(StateDigest, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    public static string Hex(ulong digest) => digest.ToString("x16", CultureInfo.InvariantCulture);

    /// <exception cref="InvalidDataException">The file is not a trainer state.</exception>
    public static TrainerState Read(string path)
    {
        try
        {
            var state = JsonSerializer.Deserialize<TrainerState>(File.ReadAllText(path), Json) ?? throw new InvalidDataException($"{path} is empty.");
            _ = state.Digest;
            return state;
        }
        catch (Exception error) when (error is JsonException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"{path} is not the state of a run: {error.Message}");
        }
    }

    internal void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, Json) + "\n");
}
