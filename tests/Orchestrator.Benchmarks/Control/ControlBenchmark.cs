using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Benchmarks.Control;

/// <summary>
/// What the control plane alone costs: steps of simulated workers that compute nothing, each with one leaf. First the decisions of all parties in one
/// thread, messages handed over as objects; then the same between actors over a socket.
/// </summary>
internal static class ControlBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static async Task RunAsync(int[] workers, int steps, TextWriter output)
    {
        output.WriteLine($"{steps} steps after a fifth as many to warm up; ms a step, median (least), and us a worker in the median one; bytes that the coordinator sends and receives in a step");
        output.WriteLine("workers |         decisions ms  us/worker |     over a socket ms  us/worker | bytes sent  received");
        foreach (var count in workers)
        {
            var warm = Math.Max(1, steps / 5);
            var alone = new SimulatedCoordinator(count, steps + warm);
            var (sent, received) = Decide(alone, count);
            var remote = new SimulatedCoordinator(count, steps + warm);
            await ControlActors.RunAsync(remote, count, Patience);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{count,7} | {Told(alone.Committed, warm, count)} | {Told(remote.Committed, warm, count)} | {sent / (steps + warm),10} {received / (steps + warm),9}"));
        }
    }

    private static (long Sent, long Received) Decide(SimulatedCoordinator coordinator, int count)
    {
        var workers = Enumerable.Range(0, count).ToDictionary(worker => $"w{worker}", worker => new SimulatedWorker($"w{worker}"));
        var mail = new Queue<(string To, IMessage Message)>(workers.Keys.SelectMany(worker => coordinator.Decide(new WorkerSeen(worker)).ToArray()));
        long sent = 0, received = 0;
        while (!coordinator.IsDone && mail.TryDequeue(out var letter))
        {
            sent += letter.Message is Cluster.Messages.ComputeStep ? letter.Message.CalculateSize() : 0;
            foreach (var reply in workers[letter.To].Hear(SimulatedCoordinator.Id, letter.Message, coordinator.Now))
            {
                received += reply is Cluster.Messages.Prepared ? reply.CalculateSize() : 0;
                foreach (var next in coordinator.Decide(new AnswerHeard(letter.To, reply)))
                {
                    mail.Enqueue(next);
                }
            }
        }

        return coordinator.IsDone ? (sent, received) : throw new InvalidOperationException($"Nothing is left to say after {coordinator.Committed.Count} steps.");
    }

    private static string Told(IReadOnlyList<long> committed, int warm, int workers)
    {
        var times = committed.Skip(warm).Zip(committed.Skip(warm - 1)).Select(pair => Stopwatch.GetElapsedTime(pair.Second, pair.First).TotalMilliseconds).Order().ToArray();
        var median = times[times.Length / 2];
        return string.Create(CultureInfo.InvariantCulture, $"{median,10:0.000} ({times[0],7:0.000}) {median / workers * 1000,9:0.0}");
    }
}
