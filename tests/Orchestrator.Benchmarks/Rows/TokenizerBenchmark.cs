using System.Diagnostics;
using System.Globalization;
using System.Text;
using Orchestrator.Training.Data;

namespace Orchestrator.Benchmarks.Rows;

/// <summary>
/// How fast a model's tokenizer encodes a text on one thread, paragraph by paragraph (what stands between empty lines). "New text" is a tokenizer
/// just loaded, whose cache of pieces fills while it encodes, as on a user's data; "seen text" is one that has encoded the same text before.
/// Rounds of both alternate, after rounds that let the code be compiled. MB per second of the clock, and per second of the whole process's
/// processors, which others on the machine disturb less.
/// </summary>
public static class TokenizerBenchmark
{
    private const int WarmUps = 5, Rounds = 15;

    public static void Run(string modelDirectory, string textFile, TextWriter output)
    {
        var text = File.ReadAllText(textFile);
        var megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        string[] paragraphs = [.. text.Split("\n\n").Where(paragraph => paragraph.Length > 0)];
        var (newText, seenText, first, ids) = (new List<(double Clock, double Processor)>(), new List<(double Clock, double Processor)>(), 0.0, 0L);
        for (var round = 0; round < WarmUps + Rounds; round++)
        {
            var tokenizer = TextTokenizer.Load(modelDirectory);
            GC.Collect();
            var unseen = Speed(tokenizer, paragraphs, megabytes, out ids);
            var seen = Speed(tokenizer, paragraphs, megabytes, out _);
            first = round == 0 ? unseen.Clock : first;
            if (round >= WarmUps)
            {
                newText.Add(unseen);
                seenText.Add(seen);
            }
        }

        var model = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(modelDirectory)));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{model}: {paragraphs.Length:N0} paragraphs, {megabytes:0.00} MB, {ids:N0} ids, {Rounds} rounds"));
        output.WriteLine($"  new text {Spread(newText)}; seen text {Spread(seenText)}; the first round of the process {first.ToString("0.0", CultureInfo.InvariantCulture)} MB/s");
    }

    private static (double Clock, double Processor) Speed(TextTokenizer tokenizer, string[] paragraphs, double megabytes, out long ids)
    {
        ids = 0;
        var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        foreach (var paragraph in paragraphs)
        {
            ids += tokenizer.Encode(paragraph, addSpecialTokens: true).Length;
        }

        return (megabytes / clock.Elapsed.TotalSeconds, megabytes / (Environment.CpuUsage.TotalTime - before).TotalSeconds);
    }

    private static string Spread(List<(double Clock, double Processor)> speeds)
    {
        double[] clock = [.. speeds.Select(speed => speed.Clock).Order()], processor = [.. speeds.Select(speed => speed.Processor).Order()];
        return string.Create(CultureInfo.InvariantCulture, $"{clock[clock.Length / 2]:0.0} MB/s ({clock[0]:0.0} to {clock[^1]:0.0}), {processor[processor.Length / 2]:0.0} per processor second");
    }
}
