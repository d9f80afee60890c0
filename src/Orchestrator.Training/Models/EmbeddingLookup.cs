using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Rows of a table by id. Its gradient touches the rows that were looked up, and adds them in the same order every time.</summary>
internal sealed class EmbeddingLookup : autograd.SingleTensorFunction<EmbeddingLookup>
{
    public override string Name => nameof(EmbeddingLookup);

    /// <param name="table">[vocabulary, hidden].</param>
    /// <param name="ids">[tokens], int64.</param>
    /// <returns>[tokens, hidden].</returns>
    public static Tensor Of(Tensor table, Tensor ids) => is_grad_enabled() && table.requires_grad ? BackwardPass.Apply(() => apply(table, ids)) : table.index_select(0, ids);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (table, ids) = ((Tensor)vars[0], (Tensor)vars[1]);
        BackwardPass.Register(ctx);
        ctx.save_for_backward([table, ids]);
        return table.index_select(0, ids);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardPass.Of(ctx).Guard(2, () =>
        {
            var saved = ctx.get_saved_variables();
            var gradient = WeightGradient.Of(saved[0]);
            Add(gradient.Sum!, saved[1], grad_output);
            return [gradient.Returned, null];
        });

    // index_add is serial on a CPU and uses atomics on an accelerator; there, index_put sorts first.
    private static void Add(Tensor sum, Tensor ids, Tensor gradient)
    {
        if (sum.device_type == DeviceType.CPU)
        {
            sum.index_add_(0, ids, gradient, 1);
        }
        else
        {
            sum.index_put_(gradient, [ids], accumulate: true);
        }
    }
}
