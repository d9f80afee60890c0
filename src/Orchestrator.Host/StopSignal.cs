using System.Runtime.InteropServices;

namespace Orchestrator.Host;

/// <summary>SIGINT and SIGTERM: the first asks for a clean end, the second ends the process at once.</summary>
public sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignal() => _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, On))];

    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void On(PosixSignalContext context)
    {
        if (_stop.IsCancellationRequested)
        {
            Environment.Exit(ExitCode.Stopped);
        }

        context.Cancel = true;
        _stop.Cancel();
    }
}
