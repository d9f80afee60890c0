namespace Orchestrator.Host.RunFile;

/// <summary>What the keys of section "cluster" must agree on.</summary>
internal static class ClusterChecks
{
    /// <param name="sound">True where none of these keys has a problem of its own.</param>
    public static IEnumerable<Problem?> Of(Settings settings, Func<Key[], bool> sound)
    {
        yield return sound([ClusterKeys.ControlNodes, ClusterKeys.Port]) ? ControlNodesAreNodes(settings) : null;
        yield return TlsIsWhole(settings);
    }

    private static Problem? ControlNodesAreNodes(Settings settings)
    {
        var nodes = settings.Of(ClusterKeys.ControlNodes);
        if (nodes.FirstOrDefault(node => ControlAddress.TryParse(node) is null) is { } wrong)
        {
            return At(settings, ClusterKeys.ControlNodes, $"cluster.control_nodes has {wrong}. Needed is host:port, for example 10.0.0.1:4053.");
        }

        if (nodes.Length == 1 || nodes.Distinct(StringComparer.Ordinal).Count() < nodes.Length)
        {
            return At(settings, ClusterKeys.ControlNodes,
                $"cluster.control_nodes is {ClusterKeys.ControlNodes.Write(nodes)}. Needed are at least two different nodes, better three: of two, the loss of either may end the run. Leave it out for one.");
        }

        return nodes.Length > 0 && settings.Places.ContainsKey(ClusterKeys.Port) && ControlAddress.TryParse(nodes[0])!.Port != settings.Of(ClusterKeys.Port)
            ? At(settings, ClusterKeys.Port, $"cluster.port is {settings.Of(ClusterKeys.Port)}, and the first of cluster.control_nodes, which is this node, is {nodes[0]}. Leave out cluster.port.")
            : null;
    }

    private static Problem? TlsIsWhole(Settings settings)
    {
        Key<string?>[] keys = [ClusterKeys.TlsCertificate, ClusterKeys.TlsKey, ClusterKeys.TlsAuthority];
        return keys.FirstOrDefault(key => settings.Of(key) is null) is { } missing && keys.FirstOrDefault(key => settings.Of(key) is not null) is { } given
            ? At(settings, given, $"{given.Dotted} is given and {missing.Dotted} is not. TLS needs all three: certificate, key and authority.")
            : null;
    }

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
