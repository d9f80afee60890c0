using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>A rank was lost: every collective fails, and leaves nonsense in its result.</summary>
internal sealed class BrokenExchange : IGradientExchange
{
    public Task AllReduceAsync(
        StepId id, int bucket, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
    {
        result.Span.Fill(float.NaN);
        throw new CollectiveException("Rank 2 is gone.") { Suspect = 2 };
    }
}
