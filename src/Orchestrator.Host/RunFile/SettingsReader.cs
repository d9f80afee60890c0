using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Host.RunFile;

/// <summary>Run file and command line -> <see cref="Settings"/>, or every problem at once.</summary>
public static class SettingsReader
{
    /// <param name="path">The run file.</param>
    /// <param name="overrides">Options "key=value" of the command line, short or dotted; the last of a key wins over all others.</param>
    /// <param name="currentFolder">What relative paths in <paramref name="overrides"/> are relative to; those of the run file are relative to its own folder.</param>
    /// <exception cref="RunFileException">With all problems.</exception>
    public static Settings ReadFile(string path, IEnumerable<string> overrides, string currentFolder)
    {
        var full = Path.GetFullPath(path, currentFolder);
        return File.Exists(full)
            ? Read(File.ReadAllText(full), path, Path.GetDirectoryName(full)!, overrides, currentFolder)
            : throw new FileNotFoundException($"{path} does not exist{NearbyFile(full)}. Needed is a run file; cluster-config/runs has examples.", full);
    }

    /// <inheritdoc cref="ReadFile"/>
    /// <param name="text">The run file's text.</param>
    /// <param name="source">Names it in messages.</param>
    /// <param name="folder">What its relative paths are relative to.</param>
    /// <param name="filesExist">False: the files it names are still to be made.</param>
    public static Settings Read(string text, string source, string folder, IEnumerable<string> overrides, string currentFolder, bool filesExist = true)
    {
        var (settings, problems) = Gather(text, source, folder, overrides, currentFolder);
        problems.AddRange(CrossChecks.Of(settings, problems));
        problems.AddRange(SelectionChecks.Of(settings, problems));
        problems.AddRange(filesExist ? FileChecks.Of(settings) : []);
        problems.AddRange(filesExist ? LoraChecks.Of(settings, problems) : []);
        return problems.Count == 0 ? settings : throw new RunFileException(problems);
    }

    /// <summary>A run file that was saved with a run, on whatever machine: its paths need not exist here.</summary>
    /// <exception cref="RunFileException">With all problems.</exception>
    public static Settings ReadSaved(string text, string source)
    {
        var (settings, problems) = Gather(text, source, "/", [], "/");
        return problems.Count == 0 ? settings : throw new RunFileException(problems);
    }

    private static (Settings Settings, List<Problem> Problems) Gather(
        string text, string source, string folder, IEnumerable<string> overrides, string currentFolder)
    {
        var given = new GivenValues();
        try
        {
            given.AddFile(YamlReader.Read(text, source), folder);
        }
        catch (RunFileException error)
        {
            given.Problems.AddRange(error.Problems);
        }

        foreach (var option in overrides)
        {
            given.AddOption(option, currentFolder);
        }

        return (Convert(given, source), given.Problems);
    }

    private static Settings Convert(GivenValues given, string source)
    {
        var values = ImmutableDictionary.CreateBuilder<Key, object?>();
        foreach (var (key, (value, folder)) in given.Values)
        {
            try
            {
                values[key] = key.Read(value, folder);
            }
            catch (ValueException error)
            {
                given.Problems.Add(new Problem(value.Place, $"{key.Dotted} is {value}. Needed is {key.Needed}.{error.Message}"));
            }
        }

        given.Problems.AddRange(Keys.All.Where(key => key.Required && !given.Values.ContainsKey(key))
            .Select(key => new Problem(new Place(source), $"{key.Dotted} is missing. {key.Help} Needed is {key.Needed}.")));
        return new Settings(source, values.ToImmutable(), given.Values.ToImmutableDictionary(pair => pair.Key, pair => pair.Value.Value.Place));
    }

    private static string NearbyFile(string full)
    {
        var folder = Path.GetDirectoryName(full);
        var near = Directory.Exists(folder)
            ? EditDistance.Nearest(Path.GetFileName(full), Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)!))
            : null;
        return near is null ? "" : $"; {Path.Combine(folder!, near)} does";
    }
}
