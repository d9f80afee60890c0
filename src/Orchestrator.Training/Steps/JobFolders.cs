using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Training.Steps;

/// <summary>A job's files by folder: all files of one lie in one local directory.</summary>
/// <param name="files">Local path of each, by name.</param>
internal sealed class JobFolders(IReadOnlyDictionary<string, string> files)
{
    private const string Config = "config.json";

    public bool HasModel(string folder) => files.ContainsKey($"{folder}/{Config}");

    public bool HasAdapter(string folder) => files.ContainsKey($"{folder}/{AdapterDirectory.ConfigFile}");

    public string Model(string folder) => Directory($"{folder}/{Config}");

    public string Adapter(string folder) => Directory($"{folder}/{AdapterDirectory.ConfigFile}");

    public string Directory(string file) => Path.GetDirectoryName(PathOf(file))!;

    /// <exception cref="InvalidDataException">The job has no such file.</exception>
    public string PathOf(string name) =>
        files.TryGetValue(name, out var path) ? path : throw new InvalidDataException($"The job names no file {name}; a replica needs it. It names [{string.Join(", ", files.Keys.Order(StringComparer.Ordinal))}].");
}
