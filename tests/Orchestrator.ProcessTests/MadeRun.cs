using Orchestrator.Chaos;

namespace Orchestrator.ProcessTests;

/// <summary>A run on a small real model and pairs that the test makes itself, in a folder of its own: needs no data from elsewhere.</summary>
internal sealed class MadeRun : IDisposable
{
    /// <param name="more">Lines of the run file besides model and data.</param>
    public MadeRun(params string[] more)
    {
        Folder = Directory.CreateTempSubdirectory("made-").FullName;
        ChaosModel.Write(Folder);
        File.WriteAllLines(Path.Combine(Folder, "held_out.jsonl"), File.ReadLines(Path.Combine(Folder, "pairs.jsonl")).Take(40));
        File.WriteAllLines(RunFile,
        [
            "model: {path: model}",
            "data: {train: pairs.jsonl, max_length: 96, pairs_per_step: 32, pairs_per_leaf: 2}",
            "learning_rate: 1e-5", "warmup_steps: 2", "lr_scheduler_type: constant", "seed: 3", "device: cpu", "threads_per_worker: 1", .. more,
        ]);
    }

    public string Folder { get; }

    public string RunFile => Path.Combine(Folder, "run.yaml");

    public string Out(string name) => Path.Combine(Folder, name);

    public string[] Train(string name, params string[] more) => ["train", RunFile, "--output", Out(name), .. more];

    public static string Sha256(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file));
    }

    /// <summary>Of the finished model.</summary>
    public string WeightsSha256(string name) => Sha256(Path.Combine(Out(name), "model", "model.safetensors"));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
