using System.Net;
using System.Net.Sockets;

namespace Orchestrator.Tests.Collectives;

/// <summary>What becomes of bytes from the server: null closes the connection.</summary>
internal delegate Memory<byte>? Meddle(int connection, long passed, Memory<byte> bytes);

/// <summary>Stands before a server and passes bytes on as a test wants it.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Meddle _meddle;
    private readonly string _target;
    private readonly Task _serving;

    public TcpProxy(string target, Meddle meddle)
    {
        (_target, _meddle) = (target, meddle);
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Address => _listener.LocalEndpoint.ToString()!;

    public int Connections { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _serving.ContinueWith(_ => { }, TaskScheduler.Default);
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        var passing = new List<Task>();
        while (!_end.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_end.Token);
            passing.Add(PassAsync(client, Connections++));
        }
    }

    private async Task PassAsync(TcpClient client, int number)
    {
        using var near = client;
        using var far = new TcpClient();
        await far.ConnectAsync(IPEndPoint.Parse(_target), _end.Token);
        var forth = near.GetStream().CopyToAsync(far.GetStream(), _end.Token);
        var buffer = new byte[64 * 1024];
        for (long passed = 0; await far.GetStream().ReadAsync(buffer, _end.Token) is > 0 and var read; passed += read)
        {
            if (_meddle(number, passed, buffer.AsMemory(0, read)) is not { } bytes)
            {
                break;
            }

            await near.GetStream().WriteAsync(bytes, _end.Token);
        }
    }
}
