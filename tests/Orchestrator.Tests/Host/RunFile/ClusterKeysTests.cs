using Orchestrator.Collectives;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class ClusterKeysTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Control_nodes_are_read_and_written_as_they_are()
    {
        var settings = _folder.Read(RunFolder.Sound + "cluster: {control_nodes: [\"a:1\", \"b:2\", \"10.0.0.3:4053\"]}\n");
        Assert.Equal(["a:1", "b:2", "10.0.0.3:4053"], settings.Of(ClusterKeys.ControlNodes).ToArray());
        Assert.Equal(settings.Of(ClusterKeys.ControlNodes).ToArray(), SettingsReader.ReadSaved(SettingsWriter.Write(settings), "saved").Of(ClusterKeys.ControlNodes).ToArray());
        Assert.Empty(_folder.Read(RunFolder.Sound).Of(ClusterKeys.ControlNodes));
    }

    [Theory]
    [InlineData("[a:1, b]", "has b. Needed is host:port")]
    [InlineData("[a:1, \"b:0\"]", "has b:0. Needed is host:port")]
    [InlineData("[\"a:1\"]", "at least two different nodes")]
    [InlineData("[\"a:1\", \"a:1\"]", "at least two different nodes")]
    [InlineData("a:1", "Needed is a list of host:port")]
    public void Control_nodes_that_cannot_be_are_a_problem(string nodes, string problem) =>
        Assert.Contains(problem, Assert.Single(_folder.Problems(RunFolder.Sound + $"cluster:\n  control_nodes: {nodes}\n")), StringComparison.Ordinal);

    [Fact]
    public void A_port_of_its_own_must_be_the_first_nodes() => Assert.Contains(
        "cluster.port is 5, and the first of cluster.control_nodes, which is this node, is a:1",
        Assert.Single(_folder.Problems(RunFolder.Sound + "cluster: {port: 5, control_nodes: [\"a:1\", \"b:1\"]}\n")),
        StringComparison.Ordinal);

    [Fact]
    public void TLS_needs_all_of_its_files()
    {
        foreach (var name in new[] { "c.pem", "k.pem", "a.pem" })
        {
            File.WriteAllText(Path.Combine(_folder.Path, name), "");
        }

        Assert.Contains("cluster.tls_certificate is given and cluster.tls_key is not", Assert.Single(_folder.Problems(RunFolder.Sound, "tls_certificate=c.pem")), StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Single(_folder.Problems(RunFolder.Sound, "tls_certificate=c.pem", "tls_key=k.pem", "tls_authority=b.pem")), StringComparison.Ordinal);
        var tls = Mapping.Tls(_folder.Read(RunFolder.Sound, "tls_certificate=c.pem", "tls_key=k.pem", "tls_authority=a.pem"));
        Assert.Equal(new TlsOptions(Path.Combine(_folder.Path, "c.pem"), Path.Combine(_folder.Path, "k.pem"), Path.Combine(_folder.Path, "a.pem")), tls);
        Assert.Null(Mapping.Tls(_folder.Read(RunFolder.Sound)));
    }
}
