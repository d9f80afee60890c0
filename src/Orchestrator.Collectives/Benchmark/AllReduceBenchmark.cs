using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>
/// Measures all-reduce between ranks that are processes: starts those of this machine, awaits or joins those of others, checks every
/// element of every result, and says how fast it was beside what the machine can do.
/// </summary>
public static class AllReduceBenchmark
{
    /// <summary>Environment variable through which a rank's process is told the token: an argument could be read by anybody.</summary>
    public const string TokenVariable = "ORCHESTRATOR_BENCH_TOKEN";

    /// <summary>Environment variable that holds this host's <see cref="TlsOptions"/> as JSON for a rank's process; "": no TLS.</summary>
    public const string TlsVariable = "ORCHESTRATOR_BENCH_TLS";

    /// <summary>Runs the benchmark; with <see cref="AllReduceBenchmarkOptions.Join"/>, only lends ranks to one that runs elsewhere.</summary>
    /// <param name="rankCommand">Program and arguments that end in <see cref="RunRankAsync"/>; the desk's host:port is appended.</param>
    /// <param name="output">Gets the table, or JSON lines.</param>
    /// <returns>One result a size; empty where this only lent ranks.</returns>
    /// <exception cref="ArgumentException">The options do not fit.</exception>
    /// <exception cref="InvalidOperationException">A rank failed; the message says which and why.</exception>
    public static async Task<ImmutableArray<AllReduceResult>> RunAsync(
        AllReduceBenchmarkOptions options, IReadOnlyList<string> rankCommand, TextWriter output, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(output);
        options.Check();
        var token = options.Token.Length > 0 ? options.Token : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        if (options.Join is { } elsewhere)
        {
            await LendAsync(options, elsewhere, token, rankCommand, cancellation);
            return [];
        }

        using var desk = new RankDesk(options, token);
        var machine = await MachineSpeed.MeasureAsync(cancellation);
        if (options.Starts < options.Ranks)
        {
            await (options.Json ? Console.Error : output).WriteLineAsync($"Waiting at {desk.Address} for {options.Ranks - options.Starts} ranks: bench allreduce --join {desk.Address} --local N --token ...");
        }

        var measured = await MeasureAsync(desk, options, token, rankCommand, cancellation);
        ImmutableArray<AllReduceResult> results = [.. options.Bytes.Distinct().Select(bytes => AllReduceResult.Of(options, machine, bytes, measured))];
        await PrintAsync(options, machine, results, output);
        return results;
    }

    /// <summary>One rank: reports to the desk, measures, and ends when the desk has all it wants.</summary>
    /// <param name="desk">host:port of the benchmark.</param>
    public static Task RunRankAsync(string desk, CancellationToken cancellation = default) =>
        ServeDeskAsync(
            desk,
            Environment.GetEnvironmentVariable(TokenVariable) ?? "",
            Environment.GetEnvironmentVariable(TlsVariable) is { Length: > 0 } tls ? JsonSerializer.Deserialize<TlsOptions>(tls) : null,
            cancellation);

    /// <param name="tls">This host's own certificate: every host has one of its own.</param>
    internal static async Task ServeDeskAsync(string desk, string token, TlsOptions? tls, CancellationToken cancellation)
    {
        using var line = await JsonLine.ConnectAsync(desk, cancellation);
        var challenge = await line.ReadAsync<Challenge>(cancellation) ?? throw new IOException($"The benchmark at {desk} closed the connection.");
        await line.WriteAsync(new Arrival(challenge.Answer(token)), cancellation);
        var sheet = await line.ReadAsync<TaskSheet>(cancellation) ?? throw new IOException($"The benchmark at {desk} closed the connection.");
        if (sheet.Refusal is { } refusal)
        {
            throw new IOException($"The benchmark at {desk} refused: {refusal}");
        }

        if (sheet.Tls != tls is not null)
        {
            throw new ArgumentException($"The benchmark at {desk} runs {(sheet.Tls ? "with" : "without")} TLS, this one {(sheet.Tls ? "without: give --tls certificate,key,authority here too" : "with: leave --tls out here, or give it there too")}.");
        }

        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Bind = line.LocalAddress.ToString(), Token = token, Tls = tls }, cancellation);
        await line.WriteAsync(new Listening(server.Endpoint.ToString()), cancellation);
        if (await line.ReadAsync<Seat>(cancellation) is not { } seat)
        {
            return; // The benchmark was given up before it began.
        }

        try
        {
            await using var group = await CollectiveGroup.ConnectAsync(server, Options(sheet, seat, token, tls), cancellation);
            await foreach (var measurement in new RankRun(group, server.Memory, sheet).MeasureAsync(cancellation))
            {
                await line.WriteAsync(measurement, cancellation);
            }

            _ = await line.ReadAsync<Seat>(cancellation); // Stays until the desk closes: a rank that leaves early breaks the others' last operation.
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            await line.WriteAsync(new Measurement(seat.Rank, Environment.ProcessId, 0, 0, [], 0, 0, 0, 0, 0, 0, error.Message), cancellation);
        }
    }

    private static GroupOptions Options(TaskSheet sheet, Seat seat, string token, TlsOptions? tls) => new()
    {
        RunId = seat.RunId,
        Rank = seat.Rank,
        Members = [.. seat.Members.Select(Endpoint.Parse)],
        Token = token,
        Transport = sheet.Transport,
        Wire = sheet.Wire,
        ChunkBytes = sheet.ChunkBytes,
        Connections = sheet.Connections,
        Tls = tls,
    };

    private static async Task<ImmutableArray<Measurement>> MeasureAsync(
        RankDesk desk, AllReduceBenchmarkOptions options, string token, IReadOnlyList<string> rankCommand, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var processes = new RankProcesses(options.OneProcess ? 0 : options.Starts, rankCommand, desk.Address, token, options.Tls);
        var inside = Enumerable.Range(0, options.OneProcess ? options.Ranks : 0).Select(_ => ServeDeskAsync(desk.Address, token, options.Tls, ending.Token)).ToArray();
        try
        {
            var died = processes.FirstDeathAsync(ending.Token);
            await await Task.WhenAny([desk.SeatAllAsync(ending.Token), died, .. inside]);
            var collecting = desk.CollectAsync(ending.Token);
            await await Task.WhenAny(collecting, died);
            return await collecting;
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(inside).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static async Task LendAsync(AllReduceBenchmarkOptions options, string elsewhere, string token, IReadOnlyList<string> rankCommand, CancellationToken cancellation)
    {
        using var processes = new RankProcesses(options.Starts, rankCommand, elsewhere, token, options.Tls);
        await processes.AllEndedAsync(cancellation);
    }

    private static async Task PrintAsync(AllReduceBenchmarkOptions options, MachineSpeed machine, ImmutableArray<AllReduceResult> results, TextWriter output)
    {
        if (options.Json)
        {
            foreach (var result in results)
            {
                await output.WriteLineAsync(result.ToJson());
            }

            return;
        }

        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{results[0].Peer}, {options.Ranks} ranks; this machine: memcpy {machine.Memcpy:0.0} GB/s, loopback TCP {machine.Loopback:0.0} GB/s"));
        await output.WriteLineAsync("       bytes   ops  median ms     min ms     p99 ms  algbw GB/s  busbw GB/s  CPU s/GB  peak RSS MB  gen2/GiB  alloc/GiB  x pass  check");
        foreach (var r in results)
        {
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{r.Bytes,12} {r.Reps,5} {r.MedianMs,10:0.000} {r.MinMs,10:0.000} {r.P99Ms,10:0.000} {r.AlgbwGbs,11:0.000} {r.BusbwGbs,11:0.000} {r.CpuSecondsPerGb,9:0.000} {r.PeakRssMb,12:0} {r.Gen2PerGib,9:0.00} {r.AllocatedPerGib / 1e6,7:0.0} MB {r.MedianMs / r.PassMs,7:0.00}  {(r.Correct ? "ok" : $"{r.WrongElements} WRONG")}"));
        }
    }
}
