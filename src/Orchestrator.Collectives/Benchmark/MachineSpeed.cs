using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>What this machine does at best, on one thread: the measure to hold the all-reduce against. GB/s of payload, 1 GB = 1e9 bytes.</summary>
/// <param name="Memcpy">Copying 100 MB.</param>
/// <param name="Loopback">One TCP flow over the loopback, writes of 1 MB.</param>
internal sealed record MachineSpeed(double Memcpy, double Loopback)
{
    private const int CopyBytes = 100_000_000;
    private const int WriteBytes = 1 << 20;
    private const int Writes = 512;

    public static async Task<MachineSpeed> MeasureAsync(CancellationToken cancellation) =>
        new(MeasureMemcpy(), await MeasureLoopbackAsync(cancellation));

    private static unsafe double MeasureMemcpy()
    {
        var from = (byte*)NativeMemory.AllocZeroed(CopyBytes);
        var to = (byte*)NativeMemory.AllocZeroed(CopyBytes);
        new Span<byte>(from, CopyBytes).Fill(1);
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 6; i++)
        {
            var began = Stopwatch.GetTimestamp();
            Buffer.MemoryCopy(from, to, CopyBytes, CopyBytes);
            var took = Stopwatch.GetElapsedTime(began);
            best = took < best ? took : best;
        }

        NativeMemory.Free(from);
        NativeMemory.Free(to);
        return CopyBytes / best.TotalSeconds / 1e9;
    }

    private static async Task<double> MeasureLoopbackAsync(CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var sender = new TcpClient();
        await sender.ConnectAsync((IPEndPoint)listener.LocalEndpoint, cancellation);
        using var receiver = await listener.AcceptTcpClientAsync(cancellation);
        var began = Stopwatch.GetTimestamp();
        var sending = SendAsync(sender.GetStream(), cancellation);
        var buffer = new byte[WriteBytes];
        for (var left = (long)Writes * WriteBytes; left > 0;)
        {
            var read = await receiver.GetStream().ReadAsync(buffer, cancellation);
            left = read > 0 ? left - read : throw new EndOfStreamException("The loopback closed.");
        }

        await sending;
        return (double)Writes * WriteBytes / Stopwatch.GetElapsedTime(began).TotalSeconds / 1e9;
    }

    private static async Task SendAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var block = new byte[WriteBytes];
        for (var i = 0; i < Writes; i++)
        {
            await stream.WriteAsync(block, cancellation);
        }
    }
}
