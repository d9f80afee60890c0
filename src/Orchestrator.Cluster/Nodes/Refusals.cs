using System.Net.Sockets;
using Akka.Actor;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Whether a machine says that nobody listens at an address any more: the process that did is gone, and need not be waited for.</summary>
internal static class Refusals
{
    /// <summary>While a process ends its connections may break a moment before it stops listening.</summary>
    private const int Tries = 5;

    /// <summary>True as soon as a connection is refused; false where somebody listens, or no answer came.</summary>
    /// <param name="pause">Between two tries.</param>
    /// <param name="deadline">For the answer to one try.</param>
    public static async Task<bool> SeenAsync(Address address, TimeSpan pause, TimeSpan deadline, TimeProvider time)
    {
        for (var tries = 1; ; tries++)
        {
            if (await IsRefusedAsync(address, deadline, time).ConfigureAwait(false))
            {
                return true;
            }

            if (tries == Tries)
            {
                return false;
            }

            await Task.Delay(pause, time).ConfigureAwait(false);
        }
    }

    private static async Task<bool> IsRefusedAsync(Address address, TimeSpan deadline, TimeProvider time)
    {
        using var late = new CancellationTokenSource(deadline, time);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address.Host, address.Port!.Value, late.Token).ConfigureAwait(false);
            return false;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
