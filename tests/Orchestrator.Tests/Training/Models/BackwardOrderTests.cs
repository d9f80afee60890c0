using Orchestrator.Tests.Training.Models.Adapters;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

/// <summary>Gradients that are handed over while backward goes on must not change any more.</summary>
public sealed class BackwardOrderTests
{
    public enum Way
    {
        Plain,
        Checkpointed,
        Bf16,
        Adapter,
    }

    public static TheoryData<string, Way> Cases
    {
        get
        {
            var cases = new TheoryData<string, Way>();
            foreach (var kind in TinyModel.Kinds)
            {
                foreach (var way in Enum.GetValues<Way>())
                {
                    cases.Add(kind, way);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_backward_has_passed_changes_no_more(string kind, Way way)
    {
        using var model = TinyModel.Create(kind);
        model.Checkpointing = way == Way.Checkpointed;
        model.Compute = way == Way.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        if (way == Way.Adapter)
        {
            model.Attach(TinyAdapter.Create(model.Spec));
        }

        using var scope = NewDisposeScope();
        foreach (var (_, parameter) in model.Parameters)
        {
            parameter.grad = zeros_like(parameter);
        }

        var order = BackwardOrder.Of(model.Spec);
        var (reached, passed) = (new List<int>(), new Dictionary<string, float[]>());
        var batch = new PackedBatch();
        batch.AddPair(TinyModel.Ids(9, 1), TinyModel.Ids(7, 2), TinyModel.Ids(12, 3));
        batch.AddPair(TinyModel.Ids(3, 4), TinyModel.Ids(2, 5), TinyModel.Ids(1, 6));
        BackwardPass.Run(TokenLogProbs.Of(model, model.Hidden(batch.Tokens, Note), batch.At, batch.Targets).sum());

        // Nothing below an adapter's first block needs a gradient, and so nothing is reached there.
        Assert.Equal(way == Way.Adapter && !model.Checkpointing ? [2, 1] : [2, 1, 0], reached);
        Assert.All(passed, pair => Assert.Equal(pair.Value, Gradient(pair.Key)));
        var late = model.Parameters.Select(item => item.Name).Where(name => !passed.ContainsKey(name)).ToArray();
        Assert.All(late, name => Assert.True(way == Way.Adapter ? order[name] == 0 : name == model.Spec.Embedding || name == model.Spec.PositionEmbedding, name));
        Assert.NotEmpty(passed);
        Assert.All(model.Parameters, item => Assert.Contains(Gradient(item.Name), value => value != 0));

        float[] Gradient(string name) => model.Parameters.Single(item => item.Name == name).Parameter.grad!.cpu().data<float>().ToArray();

        void Note(int block)
        {
            reached.Add(block);
            foreach (var (name, _) in model.Parameters)
            {
                if (order.GetValueOrDefault(name, BackwardOrder.AtTheEnd) >= block)
                {
                    passed.TryAdd(name, Gradient(name));
                }
            }
        }
    }

    // Functions further down get no gradient then, and must not be run.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_error_while_backward_is_told_ends_backward_with_that_error(bool checkpointing)
    {
        using var model = TinyModel.Create("llama");
        model.Checkpointing = checkpointing;
        using var scope = NewDisposeScope();
        var batch = new PackedBatch();
        batch.AddPair(TinyModel.Ids(9, 1), TinyModel.Ids(7, 2), TinyModel.Ids(12, 3));
        var loss = TokenLogProbs.Of(model, model.Hidden(batch.Tokens, block => throw new TimeoutException($"at {block}")), batch.At, batch.Targets).sum();
        Assert.Equal("at 2", Assert.Throws<TimeoutException>(() => BackwardPass.Run(loss)).Message);
    }
}
