using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models.Adapters;

/// <summary>Which adapter a model's projections add at the moment: all of them ask here, so that one assignment turns all on, off or over to another.</summary>
internal sealed class AdapterSwitch
{
    public LoraAdapter? Active { get; set; }

    /// <summary>Adds s · (x Aᵀ) Bᵀ to <paramref name="y"/> in place where the active adapter has the projection.</summary>
    /// <param name="x">[..., in], in the type of matrix products.</param>
    /// <param name="y">[..., out], fresh: nothing else may see it.</param>
    public void AddTo(Tensor y, Tensor x, string projection, Precision precision)
    {
        if (Active?.Of(projection) is { } pair)
        {
            using var scope = NewDisposeScope();
            var narrow = nn.functional.linear(x, precision.Cast(pair.A));
            y.add_(nn.functional.linear(narrow, precision.Cast(pair.B)), Active.Spec.Scale);
        }
    }
}
