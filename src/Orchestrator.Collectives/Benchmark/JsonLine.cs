using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>A connection on which both ends write one JSON object a line.</summary>
internal sealed class JsonLine : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly TcpClient _client;
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    public JsonLine(TcpClient client)
    {
        _client = client;
        client.NoDelay = true;
        _reader = new StreamReader(client.GetStream());
        _writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
    }

    /// <summary>This end's address as the other end can reach it.</summary>
    public IPAddress LocalAddress => ((IPEndPoint)_client.Client.LocalEndPoint!).Address is { IsIPv4MappedToIPv6: true } mapped
        ? mapped.MapToIPv4()
        : ((IPEndPoint)_client.Client.LocalEndPoint!).Address;

    public string Remote => _client.Client.RemoteEndPoint!.ToString()!;

    /// <summary>Tries again where nobody listens yet: people start both ends at once.</summary>
    /// <exception cref="IOException">Nobody listened there within <see cref="Patience"/>.</exception>
    public static async Task<JsonLine> ConnectAsync(string address, CancellationToken cancellation)
    {
        var colon = address.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(address[(colon + 1)..], out var port))
        {
            throw new ArgumentException($"'{address}' is no host:port.");
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        for (var last = "it does not answer"; ;)
        {
            var client = new TcpClient();
            try
            {
                await client.ConnectAsync(address[..colon].Trim('[', ']'), port, patience.Token);
                return new JsonLine(client);
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException)
            {
                client.Dispose();
                cancellation.ThrowIfCancellationRequested();
                last = error is SocketException ? error.Message : last;
                if (patience.IsCancellationRequested)
                {
                    throw new IOException($"The benchmark at {address} could not be reached within {Patience.TotalSeconds:0} s: {last}. Start it there, with --bind an address of that machine.", error);
                }
            }

            await Task.Delay(Pause, patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task WriteAsync<T>(T message, CancellationToken cancellation) =>
        _writer.WriteLineAsync(JsonSerializer.Serialize(message).AsMemory(), cancellation);

    /// <returns>Null where the other end has closed.</returns>
    public async Task<T?> ReadAsync<T>(CancellationToken cancellation)
        where T : class
    {
        try
        {
            var line = await _reader.ReadLineAsync(cancellation);
            return line is null ? null : JsonSerializer.Deserialize<T>(line);
        }
        catch (IOException)
        {
            return null;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{Remote} does not speak as a rank of the benchmark does: {error.Message}", error);
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _client.Dispose();
    }
}
