using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Orchestrator.Tests.Deploy;
using Orchestrator.Training.Quickstart;

namespace Orchestrator.ProcessTests;

public sealed class DeployTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("deploy-").FullName;

    /// <summary>The commands of the compose file, with this machine's names in place of the containers'.</summary>
    [Fact]
    public async Task The_commands_of_the_compose_file_train_a_model_together()
    {
        MakeData();
        var port = FreePort();
        string Here(string text) => text.Replace("/data", _folder, StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)
            .Replace("advertised_host=coordinator", "advertised_host=127.0.0.1", StringComparison.Ordinal).Replace("coordinator:5757", $"127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("5757", $"{port}", StringComparison.Ordinal).Replace("/tmp/cache", Path.Combine(_folder, "cache"), StringComparison.Ordinal);
        OrchestratorProcess Start(string service) => OrchestratorProcess.Start(DeployFiles.ComposeCommand(service).Select(Here), _folder, ("ORCHESTRATOR_TOKEN", "of this test"));
        await using var coordinator = Start("coordinator");
        await using var first = Start("worker");
        await using var second = Start("worker");
        Assert.True(await coordinator.ExitCodeAsync() == 0, $"{coordinator.Output}\n{first.Output}\n{second.Output}");
        Assert.True(File.Exists(Path.Combine(_folder, "out", "model", "model.safetensors")), coordinator.Output);
        Assert.Equal(0, await first.ExitCodeAsync());
        Assert.Equal(0, await second.ExitCodeAsync());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void MakeData()
    {
        var reviews = Enumerable.Range(0, 64).Select(new ReviewGrammar(1).Write).ToArray();
        QuickstartModel.Create(reviews.Select(review => review.Prompt + review.Completion), 1, Path.Combine(_folder, "model"));
        File.WriteAllLines(Path.Combine(_folder, "train.jsonl"), reviews.Select((review, i) =>
            JsonSerializer.Serialize(new { prompt = review.Prompt, chosen = review.Completion, rejected = reviews[(i + 1) % reviews.Length].Completion })));
        File.WriteAllText(Path.Combine(_folder, "run.yaml"),
            "model: {path: model}\ndata: {train: train.jsonl, pairs_per_step: 8, pairs_per_leaf: 2}\ntraining: {max_steps: 3}\ncluster: {device: cpu}\noutput: {output_dir: out}\n");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
