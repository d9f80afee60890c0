using Orchestrator.Training.Models.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// What the policy is held against: a model of its own, or the policy's own weights with its adapter off or exchanged for a frozen one, which costs
/// no second copy of the weights.
/// </summary>
public sealed class ReferenceModel : IDisposable
{
    private readonly CausalLM _model;
    private readonly bool _own;
    private readonly LoraAdapter? _frozen;

    private ReferenceModel(CausalLM model, bool own, LoraAdapter? frozen) => (_model, _own, _frozen) = (model, own, frozen);

    public Device Device => _model.Device;

    /// <param name="model">Disposed with this.</param>
    public static ReferenceModel Own(CausalLM model) => new(model, own: true, frozen: null);

    /// <param name="policy">Not disposed here.</param>
    /// <param name="frozen">Stands in for the policy's adapter; null: none does. Disposed with this.</param>
    public static ReferenceModel Within(CausalLM policy, LoraAdapter? frozen = null) => new(policy, own: false, frozen);

    /// <summary>The model where it is one of its own.</summary>
    /// <exception cref="InvalidDataException">It is the policy with another adapter, or none.</exception>
    public CausalLM Own() => _own ? _model : throw new InvalidDataException("The reference shares its weights with the policy, whose adapters are trained: it cannot move by itself. Leave out sync_ref_model.");

    /// <summary>Runs a forward pass of the reference, without gradient.</summary>
    public T Run<T>(Func<CausalLM, T> forward)
    {
        ArgumentNullException.ThrowIfNull(forward);
        using var guard = no_grad();
        return _own ? forward(_model) : _model.WithAdapter(_frozen, forward);
    }

    public void Dispose()
    {
        _frozen?.Dispose();
        if (_own)
        {
            _model.Dispose();
        }
    }
}
