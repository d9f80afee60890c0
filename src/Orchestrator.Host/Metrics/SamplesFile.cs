using System.Text.Encodings.Web;
using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Training.Data;

namespace Orchestrator.Host.Metrics;

/// <summary>samples.jsonl: one line a prompt and evaluation, policy and reference side by side; texts, and the ids they are of.</summary>
/// <param name="path">Appended to.</param>
/// <param name="tokenizer">null: ids alone.</param>
/// <param name="pairs">Path of an evaluation set's pairs.</param>
/// <param name="tell">Told the first prompt of each set, shortened.</param>
public sealed class SamplesFile(string path, TextTokenizer? tokenizer, Func<string, string> pairs, Action<string> tell) : IRunObserver
{
    public const string FileName = "samples.jsonl";
    private const int Shown = 100;

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly HashSet<(long Step, string Set)> _written = [];

    public void On(RunEvent happened)
    {
        if (happened is not Sampled sampled || !_written.Add((sampled.Step, sampled.Set)))
        {
            return;
        }

        using var rows = EncodedPairs.Open(pairs(sampled.Set));
        File.AppendAllText(path, string.Concat(sampled.Samples.Select(sample => Line(sampled, sample, rows[sample.Row].Prompt.ToArray()) + "\n")));
        if (tokenizer is not null && sampled.Samples is [var first, ..])
        {
            Tell(sampled, first, rows[first.Row].Prompt.ToArray());
        }
    }

    private string Line(Sampled sampled, PromptSample sample, int[] prompt) => JsonSerializer.Serialize(
        new
        {
            step = sampled.Step,
            set = sampled.Set,
            row = sample.Row,
            prompt = tokenizer?.Decode(prompt),
            policy = Text(prompt, sample.Policy),
            reference = sample.Reference is { } text ? Text(prompt, text) : null,
            prompt_ids = prompt,
            policy_ids = sample.Policy,
            reference_ids = sample.Reference,
        },
        Readable);

    private void Tell(Sampled sampled, PromptSample sample, int[] prompt)
    {
        var asked = tokenizer!.Decode(prompt).ReplaceLineEndings(" ");
        tell($"{sampled.Set}, row {sample.Row}, after step {sampled.Step}: {(asked.Length > Shown ? $"...{asked[^Shown..]}" : asked)}");
        tell($"  policy:    {Short(Text(prompt, sample.Policy)!)}");
        if (sample.Reference is { } reference)
        {
            tell($"  reference: {Short(Text(prompt, reference)!)}");
        }
    }

    // Decoded together with the prompt: an answer's first token may begin with a space, or in the middle of a character.
    private string? Text(int[] prompt, IReadOnlyList<int> ids)
    {
        var (before, whole) = (tokenizer?.Decode(prompt), tokenizer?.Decode([.. prompt, .. ids]));
        return before is null ? null : whole!.StartsWith(before, StringComparison.Ordinal) ? whole[before.Length..] : tokenizer!.Decode(ids);
    }

    private static string Short(string text)
    {
        var line = text.ReplaceLineEndings(" ");
        return line.Length > Shown ? $"{line[..Shown]}..." : line;
    }
}
