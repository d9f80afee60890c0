using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>What a checkpointed block is made of: its function, and the pass's context, which must live until the first block's backward is done.</summary>
internal sealed record CheckpointedBlock(Func<Tensor, Tensor> Compute, AttentionContext Context, bool Last);

/// <summary>
/// A block that keeps its input only and is computed a second time in backward: a third more computation, and memory of one block instead of all.
/// Gradients are the same to the last bit, because the second time is the first time again.
/// </summary>
/// <remarks>Chen et al. 2016, arXiv:1604.06174. Backward runs once: it ends the context.</remarks>
internal sealed class BlockCheckpoint : autograd.SingleTensorFunction<BlockCheckpoint>
{
    public override string Name => nameof(BlockCheckpoint);

    public static Tensor Of(Tensor x, CheckpointedBlock block) => BackwardPass.Apply(() => apply(x, block));

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, block) = ((Tensor)vars[0], (CheckpointedBlock)vars[1]);
        BackwardPass.Register(ctx);
        ctx.save_for_backward([x]);
        ctx.save_data(nameof(CheckpointedBlock), block);
        return block.Compute(x);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var block = (CheckpointedBlock)ctx.get_data(nameof(CheckpointedBlock));
        return BackwardPass.Of(ctx).Guard(2, () =>
        {
            using var graph = enable_grad();
            var x = ctx.get_saved_variables()[0].detach().requires_grad_();
            autograd.backward([block.Compute(x)], [grad_output]);
            if (block.Last)
            {
                block.Context.Dispose();
            }

            return [x.grad, null];
        });
    }
}
