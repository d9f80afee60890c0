using System.Diagnostics;
using Orchestrator.Host;
using Orchestrator.Host.RunFile;
using YamlDotNet.RepresentationModel;

namespace Orchestrator.Tests.Deploy;

public sealed class DeployFilesTests
{
    [Theory]
    [InlineData("coordinator")]
    [InlineData("worker")]
    public void A_compose_service_starts_a_command_that_exists(string service) => Understood(DeployFiles.ComposeCommand(service));

    [Fact]
    public void The_containers_of_Kubernetes_start_commands_that_exist()
    {
        var containers = DeployFiles.KubernetesContainers().ToList();
        Assert.Equal(["coordinator", "worker"], containers.Select(container => container.Name));
        Assert.All(containers, container => Understood(container.Arguments));
    }

    [Fact]
    public void Services_select_the_pods_that_are_there()
    {
        var documents = DeployFiles.Documents("kubernetes/orchestrator.yaml");
        var pods = documents.Where(d => d["kind"].ToString() is "Job" or "StatefulSet").Select(d => Labels(d["spec"]["template"]["metadata"]["labels"])).ToList();
        var services = documents.Where(d => d["kind"].ToString() == "Service").ToList();
        Assert.Equal(2, services.Count);
        Assert.All(services, service => Assert.Contains(Labels(service["spec"]["selector"]), pods));
        var workers = documents.Single(d => d["kind"].ToString() == "StatefulSet");
        Assert.Contains(workers["spec"]["serviceName"].ToString(), services.Select(service => service["metadata"]["name"].ToString()));
    }

    [Theory]
    [InlineData("compose/compose.yaml")]
    [InlineData("kubernetes/orchestrator.yaml")]
    [InlineData("slurm/train.sbatch")]
    public void Settings_that_are_overridden_are_keys_of_the_run_file(string file)
    {
        var keys = System.Text.RegularExpressions.Regex.Matches(DeployFiles.Read(file), @"--set[= ]([\w.]+)=").Select(match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(keys);
        Assert.All(keys, key => Assert.NotNull(Keys.Find(key)));
    }

    [Fact]
    public async Task The_batch_script_is_a_script_that_a_shell_can_read()
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-n", DeployFiles.PathOf("slurm/train.sbatch")]) { RedirectStandardError = true })!;
        var said = await bash.StandardError.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.True(bash.ExitCode == 0, said);
    }

    [Fact]
    public void The_image_starts_the_program_that_the_build_makes()
    {
        var lines = DeployFiles.Read("docker/Dockerfile").Split('\n');
        Assert.Contains("ENTRYPOINT [\"dotnet\", \"/app/orchestrator.dll\"]", lines);
        Assert.Contains(lines, line => line.Contains("dotnet publish src/Orchestrator.Host -c Release -p:TorchBackend=${TORCH_BACKEND} -o /app", StringComparison.Ordinal));
        Assert.Equal("orchestrator", typeof(CommandLine).Assembly.GetName().Name);
    }

    private static void Understood(string[] arguments) => Assert.Empty(CommandLine.Root().Parse(arguments).Errors.Select(error => error.Message));

    private static string Labels(YamlNode labels) => string.Join(",", ((YamlMappingNode)labels).Select(label => $"{label.Key}={label.Value}").Order(StringComparer.Ordinal));
}
