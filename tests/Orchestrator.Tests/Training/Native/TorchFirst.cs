using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Orchestrator.Training.Native;

namespace Orchestrator.Tests.Training.Native;

/// <summary>
/// Loads libtorch the program's way before any test does it by using a tensor: else the heap's settings and fast math would depend on which
/// test comes first.
/// </summary>
internal static class TorchFirst
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "A test assembly has no entry point of its own.")]
    public static void Load()
    {
        try
        {
            TorchRuntime.Load();
        }
        catch (Exception error) when (error is DllNotFoundException or PlatformNotSupportedException)
        {
            // The tests that need it will say so; the others can run.
        }
    }
}
