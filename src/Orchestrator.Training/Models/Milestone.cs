using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Passes a tensor on, and tells when backward has come back to it.</summary>
/// <remarks>
/// libtorch runs what is ready in backward in the reverse of the order in which forward made it, and adds to a .grad before anything else: all that
/// forward did after the milestone is behind it by then.
/// </remarks>
internal sealed class Milestone : autograd.SingleTensorFunction<Milestone>
{
    public override string Name => nameof(Milestone);

    /// <param name="reached">Runs on libtorch's thread of backward, without gradient, after the kernels before it were handed to the device.</param>
    public static Tensor Of(Tensor x, Action reached) => is_grad_enabled() && x.requires_grad ? BackwardPass.Apply(() => apply(x, reached)) : x;

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        BackwardPass.Register(ctx);
        ctx.save_data(nameof(Action), vars[1]);
        var x = (Tensor)vars[0];
        return x.view(x.shape);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardPass.Of(ctx).Guard(2, () =>
        {
            ((Action)ctx.get_data(nameof(Action)))();
            return [grad_output.view(grad_output.shape), null];
        });
}
