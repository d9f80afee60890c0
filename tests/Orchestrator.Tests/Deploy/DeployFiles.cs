using YamlDotNet.RepresentationModel;

namespace Orchestrator.Tests.Deploy;

/// <summary>The files under deploy/, and the commands in them.</summary>
public static class DeployFiles
{
    private static readonly string Folder = Find();

    public static string Read(string name) => File.ReadAllText(PathOf(name));

    public static string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>What the container of a compose service is started with.</summary>
    public static string[] ComposeCommand(string service) =>
        Texts(Documents("compose/compose.yaml")[0]["services"][service]["command"]);

    /// <summary>All containers of the Kubernetes manifests, with what they are started with.</summary>
    public static IEnumerable<(string Name, string[] Arguments)> KubernetesContainers() =>
        from document in Documents("kubernetes/orchestrator.yaml")
        where document["kind"].ToString() is "Job" or "StatefulSet"
        from container in (YamlSequenceNode)document["spec"]["template"]["spec"]["containers"]
        select (container["name"].ToString(), Texts(container["args"]));

    public static List<YamlNode> Documents(string name)
    {
        var yaml = new YamlStream();
        using var reader = new StringReader(Read(name));
        yaml.Load(reader);
        return [.. yaml.Documents.Select(document => document.RootNode)];
    }

    private static string[] Texts(YamlNode list) => [.. ((YamlSequenceNode)list).Select(item => item.ToString())];

    private static string Find()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !Directory.Exists(Path.Combine(at.FullName, "deploy", "docker")))
        {
            at = at.Parent;
        }

        return Path.Combine(at?.FullName ?? throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has deploy/docker."), "deploy");
    }
}
