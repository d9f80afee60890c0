using Orchestrator.Core;
using Orchestrator.Training.Data;

namespace Orchestrator.Host.RunFile;

/// <summary>Do the files exist that a run file names?</summary>
internal static class FileChecks
{
    public static IEnumerable<Problem> Of(Settings settings) => [.. All(settings).OfType<Problem>()];

    private static IEnumerable<Problem?> All(Settings settings)
    {
        yield return Model(settings, ModelKeys.Path, settings.Of(ModelKeys.Path));
        yield return Model(settings, ModelKeys.Reference, settings.Of(ModelKeys.Reference));
        yield return Adapter(settings, settings.Of(ModelKeys.Adapter));
        foreach (var source in settings.Of(DataKeys.Train))
        {
            yield return Pairs(settings, DataKeys.Train, source.Path);
        }

        foreach (var (_, file) in settings.Of(DataKeys.Eval))
        {
            yield return Pairs(settings, DataKeys.Eval, file);
        }

        var template = settings.Of(DataKeys.ChatTemplate);
        yield return Path.IsPathRooted(template) && !Directory.Exists(template) ? Exists(settings, DataKeys.ChatTemplate, template, DataKeys.ChatTemplate.Needed) : null;

        foreach (var key in new[] { ClusterKeys.TlsCertificate, ClusterKeys.TlsKey, ClusterKeys.TlsAuthority })
        {
            yield return Exists(settings, key, settings.Of(key), "a PEM file");
        }

        yield return Exists(settings, ClusterKeys.AkkaConfig, settings.Of(ClusterKeys.AkkaConfig), "a HOCON file");
    }

    private static Problem? Model(Settings settings, Key key, string? folder)
    {
        if (folder is null || File.Exists(Path.Combine(folder, "config.json")))
        {
            return null;
        }

        var what = Directory.Exists(folder) ? "which has no config.json" : "which does not exist";
        return At(settings, key, $"{key.Dotted} is {folder}, {what}. Needed is a folder in Hugging Face layout: config.json, model.safetensors, tokenizer.json.");
    }

    private static Problem? Adapter(Settings settings, string? folder) => folder is null || Directory.Exists(folder)
        ? null
        : At(settings, ModelKeys.Adapter, $"{ModelKeys.Adapter.Dotted} is {folder}, which does not exist. Needed is a folder in PEFT's layout: adapter_config.json, adapter_model.safetensors.");

    // Folders and patterns stand for the files that match them.
    private static Problem? Pairs(Settings settings, Key key, string entry)
    {
        try
        {
            if (!Directory.Exists(entry) && Path.GetFileName(entry).AsSpan().IndexOfAny('*', '?') < 0)
            {
                return Exists(settings, key, entry, "a file of pairs");
            }

            DataFiles.Find([entry]);
            return null;
        }
        catch (FileNotFoundException error)
        {
            return At(settings, key, $"{key.Dotted}: {error.Message}");
        }
    }

    private static Problem? Exists(Settings settings, Key key, string? file, string needed)
    {
        if (file is null || File.Exists(file))
        {
            return null;
        }

        var folder = Path.GetDirectoryName(file);
        var near = Directory.Exists(folder)
            ? EditDistance.Nearest(Path.GetFileName(file), Directory.EnumerateFiles(folder).Select(found => Path.GetFileName(found)!))
            : null;
        return At(settings, key, $"{key.Dotted} names {file}, which {(Directory.Exists(file) ? "is a folder" : "does not exist")}. Needed is {needed}.{(near is null ? "" : $" Did you mean {near}?")}");
    }

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
