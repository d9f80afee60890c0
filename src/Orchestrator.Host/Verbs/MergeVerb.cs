using System.CommandLine;
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
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what lies in the folder." };
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

    /// <exception cref="ArgumentException">The target holds something and may not be overwritten, or is one of the sources.</exception>
    public static async Task<int> RunAsync(string model, string adapter, string target, bool overwrite, TextWriter to, CancellationToken cancellation)
    {
        RequireFree(target, [model, adapter], overwrite);
        var beside = Path.TrimEndingDirectorySeparator(target) + ".tmp";
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

    private static void RequireFree(string target, IEnumerable<string> sources, bool overwrite)
    {
        if (sources.Any(source => Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)) == Path.TrimEndingDirectorySeparator(target)))
        {
            throw new ArgumentException($"--out is {target}, which is what would be merged. Name another folder.");
        }

        if (!overwrite && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new ArgumentException($"--out is {target}, which is not empty. Name another folder, or replace what lies there: --overwrite.");
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
