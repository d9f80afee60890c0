using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// The type in which a model multiplies matrices. Weights, their gradients, the residual stream, norms, rotations, softmax of capped attention
/// and log-sum-exps stay in fp32; what enters a matrix product is cast for it, in each pass, and its result added in fp32.
/// </summary>
internal sealed class Precision
{
    private ScalarType _type = ScalarType.Float32;

    /// <exception cref="NotSupportedException">Neither Float32 nor BFloat16: fp16 would need its loss scaled.</exception>
    public ScalarType Type
    {
        get => _type;
        set => _type = value is ScalarType.Float32 or ScalarType.BFloat16 ? value : throw new NotSupportedException($"A model computes in Float32 or BFloat16, not in {value}.");
    }

    public bool Full => _type == ScalarType.Float32;

    public Tensor Cast(Tensor x) => Full ? x : x.to(_type);

    /// <summary>Back to fp32.</summary>
    public Tensor Restore(Tensor x) => Full ? x : x.to(ScalarType.Float32);
}
