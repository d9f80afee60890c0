using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>
/// Where the ranks of a benchmark report, from this machine and from others: each says the token, gets the task, says where it
/// listens, gets its seat when all have come, and then sends its measurements.
/// </summary>
internal sealed class RankDesk : IDisposable
{
    private static readonly TimeSpan Introduction = TimeSpan.FromSeconds(10);

    private readonly AllReduceBenchmarkOptions _options;
    private readonly string _token;
    private readonly TcpListener _listener;
    private readonly List<JsonLine> _ranks = [];

    public RankDesk(AllReduceBenchmarkOptions options, string token)
    {
        (_options, _token) = (options, token);
        var bind = IPAddress.Parse(options.Bind);
        _listener = new TcpListener(bind, options.Port);
        try
        {
            _listener.Start();
        }
        catch (SocketException error)
        {
            throw new IOException($"The benchmark cannot listen on {options.Bind}:{options.Port}: {error.Message}. Choose a free port (0 takes one) or another address.", error);
        }

        var host = bind.Equals(IPAddress.Any) || bind.Equals(IPAddress.IPv6Any) ? Dns.GetHostName() : bind.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{bind}]" : bind.ToString();
        Address = $"{host}:{((IPEndPoint)_listener.LocalEndpoint).Port}";
    }

    public string Address { get; }

    /// <summary>Ends when every rank has come and knows its seat.</summary>
    /// <exception cref="TimeoutException">Too few came in time.</exception>
    public async Task SeatAllAsync(CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(_options.Patience);
        var members = new List<string>();
        try
        {
            while (members.Count < _options.Ranks)
            {
                var line = new JsonLine(await _listener.AcceptTcpClientAsync(patience.Token));
                if (await TryAdmitAsync(line, patience.Token) is { } endpoint)
                {
                    _ranks.Add(line);
                    members.Add(endpoint);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"{members.Count} of {_options.Ranks} ranks came to {Address} within {_options.Patience.TotalSeconds:0} s.");
        }

        var run = Guid.NewGuid().ToString("n");
        foreach (var (line, rank) in _ranks.Select((line, rank) => (line, rank)))
        {
            await line.WriteAsync(new Seat(run, rank, [.. members]), cancellation);
        }
    }

    /// <summary>All measurements of all ranks.</summary>
    /// <exception cref="InvalidOperationException">A rank failed or left before it had sent all.</exception>
    public async Task<ImmutableArray<Measurement>> CollectAsync(CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var all = _ranks.Select((line, rank) => CollectAsync(line, rank, either.Token)).ToArray();
        await foreach (var one in Task.WhenEach(all))
        {
            if (one.IsFaulted)
            {
                await either.CancelAsync();
            }

            await one;
        }

        return [.. (await Task.WhenAll(all)).SelectMany(part => part)];
    }

    public void Dispose()
    {
        _ranks.ForEach(rank => rank.Dispose());
        _listener.Dispose();
    }

    /// <summary>A stranger who says nothing, or something else, is sent away and holds nobody up for long.</summary>
    private async Task<string?> TryAdmitAsync(JsonLine line, CancellationToken cancellation)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        soon.CancelAfter(Introduction);
        try
        {
            return await AdmitAsync(line, soon.Token);
        }
        catch (Exception error) when (error is InvalidDataException or IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            line.Dispose();
            return null;
        }
    }

    private async Task<string?> AdmitAsync(JsonLine line, CancellationToken cancellation)
    {
        var challenge = Challenge.Draw();
        await line.WriteAsync(challenge, cancellation);
        var arrival = await line.ReadAsync<Arrival>(cancellation);
        var o = _options;
        var refusal = challenge.IsAnsweredBy(arrival?.Answer, _token) ? null : "The token is missing or another: give the same --token on all machines.";
        await line.WriteAsync(new TaskSheet(o.Bytes, o.Transport, o.Wire, o.Rounds, o.Repeats, o.ChunkBytes, o.Connections, o.Tls is not null, refusal), cancellation);
        var listening = refusal is null ? await line.ReadAsync<Listening>(cancellation) : null;
        if (listening is null)
        {
            line.Dispose();
        }

        return listening?.Endpoint;
    }

    private async Task<List<Measurement>> CollectAsync(JsonLine line, int rank, CancellationToken cancellation)
    {
        var found = new List<Measurement>();
        for (var left = _options.Rounds * _options.Bytes.Length; left > 0; left--)
        {
            var measurement = await line.ReadAsync<Measurement>(cancellation)
                ?? throw new InvalidOperationException($"Rank {rank} ({line.Remote}) left before it had measured everything.");
            if (measurement.Error is { } error)
            {
                throw new InvalidOperationException($"Rank {rank} ({line.Remote}) failed: {error}");
            }

            found.Add(measurement);
        }

        return found;
    }
}
