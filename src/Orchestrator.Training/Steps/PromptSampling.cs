using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Steps;

/// <summary>Answers of policy and reference to the prompt of one row.</summary>
internal static class PromptSampling
{
    /// <summary>Both draw from the same stream, so that equal weights give equal answers.</summary>
    public static PromptSample Answer(ReplicaParts parts, PairSet set, int row, SamplingPlan plan, CancellationToken cancellation)
    {
        var prompt = set.Pairs[row].Prompt.ToArray();
        var reference = parts.Step.ReferenceModel;
        return new PromptSample(row, Of(parts.Policy), reference is null ? null : reference.Run(Of));

        ImmutableArray<int> Of(CausalLM model)
        {
            // Learned positions end somewhere; the last token of an answer needs none.
            var room = model.Spec.PositionEmbedding is null ? int.MaxValue : model.Spec.MaxPositions - prompt.Length + 1;
            var options = new GenerationOptions
            {
                MaxNewTokens = Math.Min(plan.MaxNewTokens, room),
                Temperature = plan.Temperature,
                Seed = unchecked(plan.Seed * 1_000_003 + row),
                EosId = plan.EosId,
            };
            return room < 1 ? [] : [.. Generation.Generate(model, [prompt], options, cancellation)[0]];
        }
    }
}
