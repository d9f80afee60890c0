using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Orchestrator.Core;
using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Cache;

namespace Orchestrator.Benchmarks.Rows;

/// <summary>
/// How a run starts on many rows: a synthetic .pairs file of rows of the given mean length, opened, ordered and read in a random order, with time
/// and memory of each part; and the cache's first and second start on a JSONL file of a hundredth of them, ids in it, so that no tokenizer counts.
/// </summary>
public static class RowsBenchmark
{
    private const int PairsPerStep = 64;

    public static void Run(int rows, int idsPerRow, TextWriter output)
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-rows-").FullName;
        try
        {
            var path = Path.Combine(folder, "train.pairs");
            Measure(output, $"write {rows:N0} rows of {idsPerRow} ids on average", () => Write(path, rows, idsPerRow));
            output.WriteLine($"  {new FileInfo(path).Length / 1e6:0} MB");
            Measure(output, "SHA-256 of the file, as a worker checks it once", () =>
            {
                using var file = File.OpenRead(path);
                SHA256.HashData(file);
            });
            Start(path, rows, output);
            Cache(folder, rows / 100, idsPerRow, output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Start(string path, int rows, TextWriter output)
    {
        EncodedPairs? pairs = null;
        var plan = new BatchPlan(1, rows, PairsPerStep, PairsPerStep);
        Measure(output, "open", () => pairs = EncodedPairs.Open(path));
        Measure(output, "order of the first epoch, first step's rows", () => Sum(pairs!, plan, 0, 1));
        Measure(output, "1,000 further steps, 64,000 rows at random", () => Sum(pairs!, plan, 1, 1000));
        Measure(output, "every row once, in file order", () =>
        {
            var sum = 0L;
            for (var row = 0; row < pairs!.Count; row++)
            {
                sum += pairs[row].Chosen[0];
            }

            return sum;
        });
        pairs!.Dispose();
    }

    private static long Sum(EncodedPairs pairs, BatchPlan plan, long first, int steps)
    {
        var sum = 0L;
        for (var step = first; step < Math.Min(first + steps, plan.Steps); step++)
        {
            foreach (var row in plan.PairsOf(step, 0))
            {
                var pair = pairs[row];
                sum += pair.Prompt[0] + pair.Chosen[^1] + pair.Rejected[^1];
            }
        }

        return sum;
    }

    private static void Cache(string folder, int rows, int idsPerRow, TextWriter output)
    {
        var (data, target) = (Path.Combine(folder, "rows.jsonl"), Path.Combine(folder, "run", "train.pairs"));
        using (var lines = new StreamWriter(data))
        {
            var ids = string.Join(',', Enumerable.Range(100, Math.Max(1, idsPerRow / 3)));
            for (var row = 0; row < rows; row++)
            {
                lines.WriteLine(string.Create(CultureInfo.InvariantCulture, $$"""{"prompt_ids":[{{ids}}],"chosen_ids":[{{row}},{{ids}}],"rejected_ids":[{{ids}}]}"""));
            }
        }

        // A file that was written a moment ago is read again at every start; this one is to look settled.
        File.SetLastWriteTimeUtc(data, File.GetLastWriteTimeUtc(data).AddHours(-1));
        var note = "";
        CachedPreparation Prepare() => new TokenCache(Path.Combine(folder, "tokens")).Prepare(new DataOptions { MaxLength = null }, [data], null, null, target, null, CancellationToken.None);
        foreach (var start in new[] { "first", "second" })
        {
            Measure(output, $"{start} start on {rows:N0} rows of JSONL", () => note = Prepare().Note);
            output.WriteLine($"  tokens: {note}");
        }
    }

    private static void Write(string path, int rows, int idsPerRow)
    {
        var random = new SplitMix64(7);
        var ids = new int[3 * idsPerRow];
        for (var at = 0; at < ids.Length; at++)
        {
            ids[at] = random.Next(50_000);
        }

        using var writer = new EncodedPairsWriter(path, 2);
        for (var row = 0; row < rows; row++)
        {
            int Length() => 1 + random.Next(Math.Max(1, 2 * idsPerRow / 3 - 1));
            writer.Add(ids.AsSpan(0, Length()), ids.AsSpan(1, Length()), ids.AsSpan(2, Length()), 0, row + 1);
        }

        writer.Commit();
    }

    private static void Measure(TextWriter output, string what, Action action) => Measure(output, what, () =>
    {
        action();
        return 0;
    });

    private static void Measure<T>(TextWriter output, string what, Func<T> action)
    {
        var watch = Stopwatch.StartNew();
        _ = action();
        var seconds = watch.Elapsed.TotalSeconds;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {seconds:0.000} s; memory of its own {Anonymous() / 1024.0:0} MB, of that heap {GC.GetTotalMemory(forceFullCollection: true) / 1e6:0.0} MB"));
    }

    // What the process holds beyond mapped files, which the system takes back when it needs the memory: kB.
    private static long Anonymous() => File.ReadLines("/proc/self/status").First(line => line.StartsWith("RssAnon", StringComparison.Ordinal)) is var line
        ? long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture)
        : 0;
}
