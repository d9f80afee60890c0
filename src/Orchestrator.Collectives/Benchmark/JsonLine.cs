using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>A connection on which both ends write one JSON object a line.</summary>
internal sealed class JsonLine : IDisposable
{
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

    /// <exception cref="IOException">Nobody listens there.</exception>
    public static async Task<JsonLine> ConnectAsync(string address, CancellationToken cancellation)
    {
        var colon = address.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(address[(colon + 1)..], out var port))
        {
            throw new ArgumentException($"'{address}' is no host:port.");
        }

        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(address[..colon].Trim('[', ']'), port, cancellation);
            return new JsonLine(client);
        }
        catch (SocketException error)
        {
            client.Dispose();
            throw new IOException($"The benchmark at {address} cannot be reached: {error.Message}. Start it there first, with --bind an address of that machine.", error);
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
