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

    /// <summary>
    /// Calls a custom function. Its graph's node holds a tensor as large as the output, for gradients that are undefined; none is made up here, and it goes at once.
    /// </summary>
    internal static Tensor Apply(Func<Tensor> function)
    {
        using var scope = NewDisposeScope();
        return function().MoveToOuterDisposeScope();
    }

    /// <summary>What a custom function's forward does first.</summary>
    internal static void Register(autograd.AutogradContext context)
    {
        context.set_materialize_grads(false);
        context.save_data(nameof(BackwardPass), Current);
    }

    /// <summary>The pass that a function's forward belongs to.</summary>
    internal static BackwardPass Of(autograd.AutogradContext context) => (BackwardPass)context.get_data(nameof(BackwardPass));

    /// <summary>Runs a custom function's backward; from an error on all gradients are undefined, and <see cref="Run"/> raises it.</summary>
    /// <param name="inputs">Arguments that the function's forward took.</param>
    internal List<Tensor> Guard(int inputs, Func<Tensor?[]> backward)
    {
        if (Volatile.Read(ref _first) is not null)
        {
            return [.. new Tensor[inputs]];
        }

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

    // What earlier functions returned is libtorch's by now: backward of one device runs one function at a time.
    private void Keep(Tensor?[] gradients)
    {
        lock (_lock)
        {
            Free();
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
            Free();
        }

        Interlocked.Exchange(ref _first, null)?.Throw();
    }

    private void Free()
    {
        _returned.ForEach(gradient => gradient.Dispose());
        _returned.Clear();
    }
}
