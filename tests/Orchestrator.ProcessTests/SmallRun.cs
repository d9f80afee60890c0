using Orchestrator.Tests;

namespace Orchestrator.ProcessTests;

/// <summary>A run of a few steps on a small real model and real pairs, in a folder of its own.</summary>
internal sealed class SmallRun : IDisposable
{
    public SmallRun(int steps)
    {
        Model = SharedData.Path("models/stories260K");
        Data = SharedData.Path("preferences/pref_strings.train.jsonl");
        Folder = Directory.CreateTempSubdirectory("run-").FullName;
        File.WriteAllText(RunFile,
            $$"""
            model: {path: {{Model}}}
            data: {train: {{Data}}, max_length: 96, pairs_per_step: 8, pairs_per_leaf: 2}
            training: {max_steps: {{steps}}, learning_rate: 2e-5, warmup_steps: 2, seed: 7}
            cluster: {device: cpu, threads_per_worker: 1}
            output: {save_every_steps: 2, keep_last: 3}
            """);
    }

    public string Folder { get; }

    public string Model { get; }

    public string Data { get; }

    public string RunFile => Path.Combine(Folder, "run.yaml");

    /// <summary>A file with the first rows of the data.</summary>
    public string FirstRows(int count)
    {
        File.WriteAllLines(Out("first.jsonl"), File.ReadLines(Data).Take(count));
        return Out("first.jsonl");
    }

    public string Out(string name) => Path.Combine(Folder, name);

    public string Metrics(string name) => File.ReadAllText(Path.Combine(Out(name), "metrics.jsonl"));

    public string WeightsSha256(string name)
    {
        using var file = File.OpenRead(Path.Combine(Out(name), "model", "model.safetensors"));
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file));
    }

    public string[] Train(string name, params string[] more) => ["train", RunFile, "--output", Out(name), .. more];

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
