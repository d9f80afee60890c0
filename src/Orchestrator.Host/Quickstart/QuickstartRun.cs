using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using Orchestrator.Training.Quickstart;
using Spectre.Console;

namespace Orchestrator.Host.Quickstart;

/// <summary>
/// What `train` does without a run file: the controlled sentiment experiment of the DPO paper (Rafailov et al. 2023, arXiv:2305.18290,
/// section 6.1), in small and without a download. Write a corpus, fit a model to it, let it write pairs, label them by the ground truth, and tune
/// it on them with DPO: two ordinary runs of this program, on the same workers.
/// </summary>
public sealed class QuickstartRun(QuickstartSettings settings, QuickstartFolder folder, bool resume, IAnsiConsole console, ProgressLine line)
{
    private const int Reviews = 6000;
    private const int TrainOpenings = 960;
    private const int HeldOutOpenings = 200;
    private const int CompletionsEach = 4;

    /// <param name="overrides">key=value, as --set has them; they hold for both runs where they make sense there.</param>
    /// <exception cref="RunFileException">The command line has keys or values that cannot be.</exception>
    public static Task<int> RunAsync(IReadOnlyList<string> overrides, bool resume, CancellationToken stop)
    {
        var (settings, folder) = QuickstartSettings.Read(overrides);
        var line = new ProgressLine(Console.Out, !Console.IsOutputRedirected, () => Screens.Out.Profile.Width);
        return new QuickstartRun(settings, folder, resume, Screens.Out, line).RunAsync(stop);
    }

    public async Task<int> RunAsync(CancellationToken stop)
    {
        Announce();
        if (!resume)
        {
            folder.Clear();
        }

        WriteCorpus();
        var sft = QuickstartSettings.On(settings.Sft, folder.Untrained, folder.Corpus, null, folder.Sft);
        if (!Directory.Exists(folder.Sft.Model) && await StageAsync("2/4", "Teaching the model to write reviews (maximum likelihood)", sft, folder.Sft, null, stop) is { } failed)
        {
            return failed;
        }

        await WritePairsAsync(stop);
        var dpo = QuickstartSettings.On(settings.Dpo, folder.Sft.Model, folder.TrainPairs, folder.HeldOutPairs, folder.Dpo);
        var summary = new RunSummary();
        if (await StageAsync("4/4", "Teaching it to write friendly ones (DPO)", dpo, folder.Dpo, summary, stop) is { } ended)
        {
            return ended;
        }

        summary.Show(console);
        await CompareAsync(stop);
        return ExitCode.Done;
    }

    private void Announce()
    {
        line.Write("Quickstart: a small Llama learns to write reviews, then, from pairs, to write friendly ones. Nothing is downloaded.");
        line.Write($"Everything lands in {folder.Path}; seed {settings.Seed}: the same seed gives the same numbers. Your own run: orchestrator train RUN.yaml");
    }

    private void WriteCorpus()
    {
        if (File.Exists(folder.Corpus))
        {
            return;
        }

        line.Write($"[1/4] Writing {Reviews:N0} reviews from a grammar, half of them friendly, and an untrained model.");
        Directory.CreateDirectory(folder.Path);
        var reviews = Enumerable.Range(0, Reviews).Select(new ReviewGrammar(settings.Seed).Write).ToArray();
        QuickstartModel.Create(reviews.Select(review => review.Prompt + review.Completion), settings.Seed, folder.Untrained);
        QuickstartFolder.WriteLines(folder.Corpus, reviews.Select(review => new { prompt = review.Prompt, completion = review.Completion }));
    }

    /// <returns>The exit code where the run did not come to its end; null where it did.</returns>
    private async Task<int?> StageAsync(string number, string what, Settings run, OutputDirectory output, IRunObserver? observer, CancellationToken stop)
    {
        line.Write($"[{number}] {what}.");
        var outcome = await new TrainRun(run, output, resume && output.HoldsRun, line) { Observer = observer }.RunAsync(stop);
        line.End();
        if (outcome.End == RunEnd.Completed)
        {
            return null;
        }

        line.Write($"{outcome.Reason} Go on with: orchestrator train --resume");
        return outcome.End == RunEnd.Stopped ? ExitCode.Stopped : ExitCode.Failed;
    }

    private async Task WritePairsAsync(CancellationToken stop)
    {
        if (File.Exists(folder.HeldOutPairs))
        {
            return;
        }

        line.Write($"[3/4] Letting the model complete {TrainOpenings + HeldOutOpenings:N0} openings {CompletionsEach} times; the friendliest is chosen, the least friendly rejected.");
        var (train, heldOut) = Openings();
        var samples = await DrawAsync(folder.Sft.Model, [.. train, .. heldOut], CompletionsEach, settings.Seed, stop);
        var pairs = ReviewSamples.Label(samples).ToLookup(pair => heldOut.Contains(pair.Prompt));
        Write(folder.TrainPairs, pairs[false]);
        Write(folder.HeldOutPairs, pairs[true]);

        static void Write(string path, IEnumerable<ReviewPair> pairs) =>
            QuickstartFolder.WriteLines(path, pairs.Select(pair => new { prompt = pair.Prompt, chosen = pair.Chosen, rejected = pair.Rejected }));
    }

    private async Task CompareAsync(CancellationToken stop)
    {
        line.Write("Letting both models write about openings that neither was tuned on.");
        var openings = Openings().HeldOut.ToArray();
        var reference = await DrawAsync(folder.Sft.Model, openings, 1, settings.Seed + 1, stop);
        var policy = await DrawAsync(folder.Dpo.Model, openings, 1, settings.Seed + 1, stop);
        var comparison = await Comparison.MakeAsync(folder, reference, policy, stop);
        line.End();
        comparison.Show(console);
        console.WriteLine($"The tuned model lies in {folder.Dpo.Model}. Try:");
        console.WriteLine($"  dotnet run -c Release --project src/Orchestrator.Host -- generate --model {folder.Dpo.Model} --prompt \"{openings[0]}\" --temperature 1");
        console.WriteLine($"  dotnet run -c Release --project src/Orchestrator.Host -- score --model {folder.Dpo.Model} --reference {folder.Sft.Model} --data {folder.HeldOutPairs}");
    }

    /// <summary>Different openings, drawn by the seed.</summary>
    private (ImmutableHashSet<string> Train, ImmutableHashSet<string> HeldOut) Openings()
    {
        var order = Enumerable.Range(0, ReviewGrammar.Openings).ToArray();
        new SplitMix64(settings.Seed, stream: -1).Shuffle(order);
        var texts = order.Take(TrainOpenings + HeldOutOpenings).Select(ReviewGrammar.Opening).ToArray();
        return ([.. texts[..TrainOpenings]], [.. texts[TrainOpenings..]]);
    }

    private static async Task<IReadOnlyList<ReviewSample>> DrawAsync(string directory, IReadOnlyList<string> prompts, int each, long seed, CancellationToken stop)
    {
        var tokenizer = TextTokenizer.Load(directory);
        await using var device = new DeviceThread("cpu", threads: 1);   // of so small a model more threads wait longer than they work
        return await device.Run(
            () =>
            {
                using var model = ModelDirectory.Load(directory, DeviceChoice.Parse("cpu").First());
                return ReviewSamples.Draw(model, tokenizer, [.. prompts.Order(StringComparer.Ordinal)], each, seed, stop);
            },
            stop);
    }
}
