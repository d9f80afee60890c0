using System.Runtime.ExceptionServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Runs backward through graphs that hold custom functions. A managed exception that leaves such a function would end the process: it is kept
/// and raised here instead. Gradients they return are kept alive until libtorch has taken them over.
/// </summary>
/// <remarks>On an accelerator the functions run on libtorch's own thread, so a function keeps the pass of the thread its forward ran on.</remarks>
public sealed class BackwardPass
{
    [ThreadStatic]
    private static BackwardPass? _current;

    private readonly Lock _lock = new();
    private readonly List<Tensor> _returned = [];
    private ExceptionDispatchInfo? _first;

    private BackwardPass()
    {
    }

    /// <summary>The calling thread's.</summary>
    internal static BackwardPass Current => _current ??= new BackwardPass();

    /// <summary>Accumulates the gradients of <paramref name="loss"/>, a scalar, and raises the first error a custom function met on the way.</summary>
    public static void Run(Tensor loss)
    {
        using var scope = NewDisposeScope();
        try
        {
            loss.backward();
        }
        finally
        {
            Current.Finish();
        }
    }

    /// <summary>Runs a custom function's backward; after an error its gradients are undefined, and <see cref="Run"/> raises it.</summary>
    /// <param name="inputs">Arguments that the function's forward took.</param>
    internal List<Tensor> Guard(int inputs, Func<Tensor?[]> backward)
    {
        try
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            var gradients = backward();
            Keep(gradients);
            return [.. gradients.Select(gradient => gradient!)];
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref _first, ExceptionDispatchInfo.Capture(error), null);
            return [.. new Tensor[inputs]];
        }
    }

    private void Keep(Tensor?[] gradients)
    {
        lock (_lock)
        {
            foreach (var gradient in gradients)
            {
                if (gradient is not null)
                {
                    gradient.DetachFromDisposeScope();
                    _returned.Add(gradient);
                }
            }
        }
    }

    private void Finish()
    {
        lock (_lock)
        {
            _returned.ForEach(gradient => gradient.Dispose());
            _returned.Clear();
        }

        Interlocked.Exchange(ref _first, null)?.Throw();
    }
}
