using Orchestrator.Cluster;

namespace Orchestrator.Host.Runs;

/// <summary>An operator's own settings of Akka.NET: a HOCON file that the run file names (cluster.akka_config), or the environment.</summary>
public static class AkkaSettings
{
    public const string Variable = "ORCHESTRATOR_AKKA_CONFIG";

    /// <param name="named">What the run file names; it wins over the environment.</param>
    /// <returns>The file's path, or null.</returns>
    public static string? PathOf(string? named) => named ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? Path.GetFullPath(path) : null);

    /// <returns>The file's text; "" where there is none.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no HOCON.</exception>
    public static string Read(string? path)
    {
        if (path is null)
        {
            return "";
        }

        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} does not exist. {Variable} or cluster.akka_config names it; needed is a HOCON file, as cluster-config/akka.conf.", path);
        }

        var text = File.ReadAllText(path);
        return OperatorConfig.WhyUnusable(text) is { } why
            ? throw new InvalidDataException($"{path}, which {Variable} or cluster.akka_config names, is no HOCON: {why.TrimEnd('.')}. Needed are settings of Akka.NET, as in cluster-config/akka.conf.")
            : text;
    }
}
