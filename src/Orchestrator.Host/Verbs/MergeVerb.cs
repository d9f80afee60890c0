using System.CommandLine;
using Orchestrator.Host.Runs;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator merge`: a model and an adapter become one model, in the model's own layout and types.</summary>
public static class MergeVerb
{
    public static Command Command()
    {
        var model = new Option<string>("--model") { Required = true, Description = "The model that the adapter was trained for, a folder in Hugging Face layout." };
        var adapter = new Option<string>("--adapter") { Required = true, Description = "The adapter, a folder in PEFT's layout." };
        var target = new Option<string>("--out") { Required = true, Description = "The folder of the merged model." };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the model that lies in the folder; a folder that is more than a model is never deleted." };
        var command = new Command("merge", "Merge an adapter into its model.") { model, adapter, target, overwrite };
        command.SetAction((parsed, cancellation) => RunAsync(
            VerbOptions.Folder(parsed.GetRequiredValue(model)),
            VerbOptions.Folder(parsed.GetRequiredValue(adapter)),
            Path.GetFullPath(parsed.GetRequiredValue(target)),
            parsed.GetValue(overwrite),
            Console.Out,
            cancellation));
        return command;
    }

    /// <exception cref="ArgumentException">The target holds something that may not be overwritten, or one of the sources, or lies in one.</exception>
    public static async Task<int> RunAsync(string model, string adapter, string target, bool overwrite, TextWriter to, CancellationToken cancellation)
    {
        var beside = Path.TrimEndingDirectorySeparator(target) + ".tmp";
        RequireApart(target, [model, adapter]);
        RequireApart(beside, [model, adapter]);
        RequireFree(target, overwrite);
        RequireFilesAlone(beside);
        Delete(beside);
        await using (var loaded = await LoadedModel.LoadAsync(model, adapter, "cpu", cancellation))
        {
            await loaded.Run(
                merged =>
                {
                    merged.Adapter!.MergeInto(merged);
                    ModelDirectory.Save(merged, model, beside);
                    return merged;
                },
                cancellation);
        }

        Delete(target);
        Directory.Move(beside, target);
        await to.WriteLineAsync($"Merged {adapter} into {model}: {target}");
        return ExitCode.Done;
    }

    private static void RequireApart(string target, IEnumerable<string> sources)
    {
        foreach (var source in sources)
        {
            var (holds, lies) = (RealPath.IsWithin(source, target), RealPath.IsWithin(target, source));
            if (holds || lies)
            {
                var where = holds && lies ? "is what would be merged" : holds ? $"holds {source}, which would be merged" : $"lies in {source}, which would be merged";
                throw new ArgumentException($"--out is {target}, which {where}. Name another folder.");
            }
        }
    }

    private static void RequireFree(string target, bool overwrite)
    {
        if (!Directory.Exists(target) || !Directory.EnumerateFileSystemEntries(target).Any())
        {
            return;
        }

        if (!overwrite)
        {
            throw new ArgumentException($"--out is {target}, which is not empty. Name another folder, or replace the model that lies there: --overwrite.");
        }

        if (!File.Exists(Path.Combine(target, "config.json")))
        {
            throw new ArgumentException($"--out is {target}, which holds no config.json: it is no model, and is not deleted. Name another folder.");
        }

        RequireFilesAlone(target);
    }

    // A folder that a model was saved into has none in it: whatever else has them is somebody's work.
    private static void RequireFilesAlone(string folder)
    {
        if (Directory.Exists(folder) && Directory.EnumerateDirectories(folder).FirstOrDefault() is { } inner)
        {
            throw new ArgumentException($"{folder} holds the folder {Path.GetFileName(inner)}: it is more than a model, and is not deleted. Name another folder: --out DIR.");
        }
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
