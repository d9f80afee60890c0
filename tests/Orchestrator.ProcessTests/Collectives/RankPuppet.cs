using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>One rank in a process of its own, which does what the lines on its input say. It ends with its input: no rank outlives its test.</summary>
internal sealed class RankPuppet(TextReader input, TextWriter output)
{
    public const string Token = "secret";

    private readonly ConcurrentDictionary<int, CancellationTokenSource> _running = [];
    private readonly Lock _gate = new();
    private CollectiveServer? _server;
    private CollectiveGroup? _group;
    private FloatBuffer _mine;
    private FloatBuffer _result;

    public async Task RunAsync()
    {
        _server = await CollectiveServer.StartAsync(new ServerOptions { Token = Token });
        Answer(new Reply { Endpoint = _server.Endpoint.ToString() });
        while (await input.ReadLineAsync() is { } line)
        {
            _ = ObeyAsync(JsonSerializer.Deserialize<Command>(line)!);
        }

        Environment.Exit(0);
    }

    private async Task ObeyAsync(Command command)
    {
        using var cancellation = _running[command.Id] = new CancellationTokenSource();
        var began = Stopwatch.GetTimestamp();
        Reply reply;
        try
        {
            reply = await DoAsync(command, cancellation.Token);
        }
        catch (Exception error)
        {
            var failure = error as CollectiveException;
            reply = new Reply
            {
                Error = error is CollectiveException or OperationCanceledException ? error.Message : error.ToString(),
                Cancelled = error is OperationCanceledException,
                Suspect = failure?.Suspect,
                Phase = failure?.Phase ?? "",
                Bucket = failure?.Bucket ?? 0,
                BytesMissing = failure?.BytesMissing ?? 0,
            };
        }

        _running.TryRemove(command.Id, out _);
        Answer(reply with { Id = command.Id, Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds, LateFrames = _group?.LateFrames ?? 0 });
    }

    private async Task<Reply> DoAsync(Command command, CancellationToken cancellation)
    {
        switch (command.Verb)
        {
            case "form":
                await LeaveAsync();
                _group = await CollectiveGroup.ConnectAsync(_server!, Options(command), cancellation);
                return new Reply();
            case "reduce":
                return await ReduceAsync(command, cancellation);
            case "cancel":
                await _running[command.Target].CancelAsync();
                return new Reply();
            case "leave":
                await LeaveAsync();
                return new Reply();
            case "look":
                return Look();
            default:
                throw new ArgumentException($"No verb '{command.Verb}'.");
        }
    }

    private async Task<Reply> ReduceAsync(Command command, CancellationToken cancellation)
    {
        var group = _group ?? throw new InvalidOperationException("No group was formed.");
        Prepare(group.Rank, command.Floats);
        var id = new StepId(0, command.Generation, command.Step, 0);
        await group.AllReduceAsync(id, command.Bucket, _mine.Slice(0, command.Floats), _result.Slice(0, command.Floats), cancellation);
        var (wrong, share) = (0, group.WorldSize * (group.WorldSize + 1) / 2);
        var result = _result.Span[..command.Floats];
        for (var i = 0; i < result.Length; i++)
        {
            wrong += result[i] == Value(i) * share ? 0 : 1;
        }

        return new Reply { Wrong = wrong };
    }

    private void Prepare(int rank, int floats)
    {
        if (_mine.Length < floats)
        {
            (_mine, _result) = (_server!.Memory.Allocate("mine", floats), _server.Memory.Allocate("result", floats));
        }

        for (var i = 0; i < floats; i++)
        {
            _mine.Span[i] = Value(i) * (rank + 1);
        }

        _result.Span.Clear();
    }

    private async Task LeaveAsync()
    {
        if (_group is { } old)
        {
            _group = null;
            await old.DisposeAsync();
        }
    }

    private static float Value(int i) => i % 251;

    private static GroupOptions Options(Command command) => new()
    {
        RunId = command.Run,
        Generation = command.Generation,
        Rank = command.Rank,
        Members = [.. command.Members.Select(Endpoint.Parse)],
        Token = Token,
        Transport = command.Transport,
        Wire = command.Wire,
        ChunkBytes = command.ChunkBytes,
        ProgressDeadline = TimeSpan.FromSeconds(command.DeadlineSeconds),
        ConnectDeadline = TimeSpan.FromSeconds(command.ConnectSeconds),
        OneHopBytes = 0,
    };

    private static Reply Look()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var self = Process.GetCurrentProcess();
        return new Reply
        {
            Descriptors = Directory.GetFileSystemEntries("/proc/self/fd").Length,
            SharedMappings = File.ReadLines("/proc/self/maps").Count(line => line.Contains("memfd:", StringComparison.Ordinal) && !line.Contains("doublemapper", StringComparison.Ordinal)),
            Threads = self.Threads.Count,
            MemoryBytes = self.WorkingSet64,
        };
    }

    private void Answer(Reply reply)
    {
        lock (_gate)
        {
            output.WriteLine(JsonSerializer.Serialize(reply));
            output.Flush();
        }
    }
}
