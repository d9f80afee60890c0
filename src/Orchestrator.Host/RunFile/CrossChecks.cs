using System.Net;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.RunFile;

/// <summary>What no key can know alone.</summary>
internal static class CrossChecks
{
    /// <param name="found">Problems so far: a key with a problem of its own takes part in no further one.</param>
    public static IEnumerable<Problem> Of(Settings settings, IReadOnlyList<Problem> found)
    {
        var wrong = found.Select(problem => problem.Message.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        bool Sound(params Key[] keys) => !keys.Any(key => wrong.Contains(key.Dotted));
        return [.. All(settings, Sound).OfType<Problem>()];
    }

    private static IEnumerable<Problem?> All(Settings settings, Func<Key[], bool> sound)
    {
        if (sound([DataKeys.PairsPerStep, DataKeys.PairsPerLeaf]))
        {
            yield return LeavesFillTheStep(settings);
        }

        foreach (var problem in ObjectiveChecks.All(settings, sound))
        {
            yield return problem;
        }

        if (sound([DataKeys.TestSplitSize, DataKeys.Eval]) && settings.Of(DataKeys.TestSplitSize) is not null && settings.Of(DataKeys.Eval).Any(set => set.Name == Runs.PreparedData.HeldOut))
        {
            yield return At(settings, DataKeys.TestSplitSize, $"data.test_split_size makes a set called {Runs.PreparedData.HeldOut}, and data.eval names one too. Keep one of them, or give the file in data.eval another name: {{name: FILE}}.");
        }

        yield return DeviceIsOne(settings);
        if (!IPAddress.TryParse(settings.Of(ClusterKeys.Bind), out _))
        {
            yield return At(settings, ClusterKeys.Bind, $"cluster.bind is {settings.Of(ClusterKeys.Bind)}. Needed is an IP address of this machine, 127.0.0.1 or 0.0.0.0.");
        }

        foreach (var problem in ClusterChecks.Of(settings, sound))
        {
            yield return problem;
        }

        if (sound([DataKeys.MaxLength, DataKeys.MaxPromptLength]) && settings.Of(DataKeys.MaxPromptLength) >= settings.Of(DataKeys.MaxLength))
        {
            yield return At(settings, settings.Places.ContainsKey(DataKeys.MaxPromptLength) ? DataKeys.MaxPromptLength : DataKeys.MaxLength,
                $"data.max_prompt_length is {settings.Of(DataKeys.MaxPromptLength)}, which leaves no room for a completion in data.max_length ({settings.Of(DataKeys.MaxLength)}). Lower the one or raise the other.");
        }

        if (sound([TrainingKeys.WarmupRatio]) && settings.Of(TrainingKeys.WarmupRatio) is not null && settings.Places.ContainsKey(TrainingKeys.WarmupSteps))
        {
            yield return At(settings, TrainingKeys.WarmupRatio, "training.warmup_ratio and training.warmup_steps both say how long the warm-up is. Keep one of them.");
        }

        if (sound([ClusterKeys.Workers, ClusterKeys.WaitForWorkers]) && settings.Of(ClusterKeys.WaitForWorkers) < settings.Of(ClusterKeys.Workers))
        {
            yield return At(settings, ClusterKeys.WaitForWorkers,
                $"cluster.wait_for_workers is {settings.Of(ClusterKeys.WaitForWorkers)}, and {settings.Of(ClusterKeys.Workers)} workers start on this machine already. It counts all workers.");
        }
    }

    private static Problem? DeviceIsOne(Settings settings)
    {
        try
        {
            DeviceChoice.Parse(settings.Of(ClusterKeys.Device));
            return null;
        }
        catch (FormatException error)
        {
            return At(settings, ClusterKeys.Device, $"cluster.device: {error.Message}");
        }
    }

    private static Problem? LeavesFillTheStep(Settings settings)
    {
        var step = settings.Of(DataKeys.PairsPerStep);
        if (settings.Of(DataKeys.PairsPerLeaf) is not { } leaf || step % leaf == 0)
        {
            return null;
        }

        var (below, above) = (step / leaf * leaf, (step / leaf + 1) * leaf);
        Key key = settings.Places.ContainsKey(DataKeys.PairsPerStep) ? DataKeys.PairsPerStep : DataKeys.PairsPerLeaf;
        return At(settings, key,
            $"data.pairs_per_step is {step}, which is not a multiple of data.pairs_per_leaf ({leaf}).{Environment.NewLine}Use {(below == 0 ? $"{above}" : $"{below} or {above}")}.");
    }

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
