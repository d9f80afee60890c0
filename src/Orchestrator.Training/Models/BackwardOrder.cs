using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Training.Models;

/// <summary>
/// When, in one backward pass, a parameter's gradient is final. Backward goes from the head to the embeddings: once it has reached the input of
/// block k, nothing is added any more to the gradients of block k and of all that comes after it.
/// </summary>
internal static class BackwardOrder
{
    /// <summary>Final only when backward is over: embeddings, and with them a head that is tied.</summary>
    public const int AtTheEnd = -1;

    /// <returns>
    /// By the name of each weight and adapter matrix: the block whose input must be reached, or the number of blocks, which stands for the input of
    /// the final norm. Names that are missing are final <see cref="AtTheEnd"/>.
    /// </returns>
    public static Dictionary<string, int> Of(DecoderSpec spec)
    {
        var order = new Dictionary<string, int>(StringComparer.Ordinal);
        var last = spec.FinalNorm.Tensors.Concat(spec.Head?.Tensors ?? []).Select(tensor => tensor.Name);
        Add(last, spec.Layers.Length);
        for (var block = 0; block < spec.Layers.Length; block++)
        {
            var layer = spec.Layers[block];
            Add(layer.Tensors.Select(tensor => tensor.Name), block);
            Add(layer.Linears.SelectMany(linear => new[] { LoraPair.NameOf(linear, "A"), LoraPair.NameOf(linear, "B") }), block);
        }

        return order;

        void Add(IEnumerable<string> names, int reached)
        {
            foreach (var name in names)
            {
                order[name] = Math.Min(reached, order.GetValueOrDefault(name, reached));
            }
        }
    }
}
