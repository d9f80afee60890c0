using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models.Adapters;

public sealed class LoraForwardTests
{
    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void With_its_adapter_off_or_fresh_a_model_gives_the_base_models_bits(string kind)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Create(kind);
        var plain = TinyAdapter.Logits(model);
        var fresh = LoraAdapter.Create(TinyAdapter.Spec, LoraTargets.Candidates(model.Spec), 1, CPU);
        using var trained = TinyAdapter.Create(model.Spec);
        model.Attach(fresh);
        Assert.Equal(plain.bytes.ToArray(), TinyAdapter.Logits(model).bytes.ToArray());
        Assert.Equal(plain.bytes.ToArray(), model.WithAdapter(null, TinyAdapter.Logits).bytes.ToArray());
        Assert.True(TinyAdapter.Distance(plain, model.WithAdapter(trained, TinyAdapter.Logits)) > 0.1);
        Assert.Equal(plain.bytes.ToArray(), TinyAdapter.Logits(model).bytes.ToArray());
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Gradients_are_those_of_the_whole_weights_projected(string kind)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Create(kind);
        using var merged = TinyModel.Create(kind);
        var adapter = TinyAdapter.Create(model.Spec);
        adapter.MergeInto(merged);
        model.Attach(adapter);
        BackwardPass.Run(Loss(merged));
        BackwardPass.Run(Loss(model));
        foreach (var pair in adapter.Pairs)
        {
            // d(W + sBA): dB = s dW Aᵀ and dA = s Bᵀ dW.
            var whole = merged[$"{pair.Target.Name}.weight"].grad!;
            whole = (pair.Target.Transposed ? whole.t() : whole) * TinyAdapter.Spec.Scale;
            Close(whole.mm(pair.A.detach().t()), pair.B.grad!, pair.NameOfB);
            Close(pair.B.detach().t().mm(whole), pair.A.grad!, pair.NameOfA);
        }

        Assert.All(model.Weights, weight => Assert.Null(weight.Parameter.grad));
    }

    [Fact]
    public void Gradients_agree_with_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Create("llama");
        model.Attach(TinyAdapter.Create(model.Spec, targets: ["v_proj", "down_proj"]));
        BackwardPass.Run(Loss(model));
        foreach (var (name, parameter) in model.Parameters)
        {
            var (slope, step) = (parameter.grad!.flatten()[1].item<float>(), 1e-2f);
            var at = parameter.detach().view(-1).narrow(0, 1, 1);
            double Moved(float by)
            {
                using var guard = no_grad();
                at.add_(by);
                var loss = Loss(model).item<float>();
                at.sub_(by);
                return loss;
            }

            Assert.Equal(slope, (Moved(step) - Moved(-step)) / (2 * step), Math.Max(0.02, Math.Abs(slope) * 0.02));
            Assert.NotEqual(0, slope);
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    public void Blocks_computed_again_in_backward_have_the_same_gradients(string kind)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Create(kind);
        model.Attach(TinyAdapter.Create(model.Spec));
        BackwardPass.Run(Loss(model));
        var kept = model.Parameters.ToDictionary(p => p.Name, p => p.Parameter.grad!.clone());
        model.Parameters.ToList().ForEach(p => p.Parameter.grad = null);
        model.Checkpointing = true;
        BackwardPass.Run(Loss(model));
        Assert.All(model.Parameters, p => Assert.Equal(kept[p.Name].bytes.ToArray(), p.Parameter.grad!.bytes.ToArray()));
    }

    [SkippableTheory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    [InlineData("gpt_neox_parallel")]
    [InlineData("phi3")]
    [InlineData("qwen2")]
    public void A_merged_model_and_its_adapter_model_give_the_same_logits(string name)
    {
        using var known = KnownModel.Load(name);
        using var scope = NewDisposeScope();
        var plain = TinyAdapter.Logits(known.Model);
        known.Model.Attach(TinyAdapter.Create(known.Model.Spec, new LoraSpec(4, 16, RankStabilized: true)));
        var beside = TinyAdapter.Logits(known.Model);
        Assert.True(TinyAdapter.Distance(plain, beside) > 0.01);
        known.Model.Adapter!.MergeInto(known.Model);
        Assert.InRange(TinyAdapter.Distance(beside, known.Model.WithAdapter(null, TinyAdapter.Logits)), 0, 1e-5 * Math.Max(1, beside.abs().max().item<float>()));
    }

    // s = 16 / 4, or 16 / sqrt(4).
    [Theory]
    [InlineData(false, 4)]
    [InlineData(true, 8)]
    public void The_scale_is_alpha_over_the_rank_or_its_root(bool stabilized, double scale) => Assert.Equal(scale, new LoraSpec(4, 16, stabilized).Scale);

    [Fact]
    public void A_fresh_adapter_starts_by_its_seed_within_kaimings_bounds_and_with_B_zero()
    {
        using var model = TinyModel.Create("llama");
        LoraAdapter Fresh(long seed) => LoraAdapter.Create(new LoraSpec(8, 16), LoraTargets.Candidates(model.Spec), seed, CPU);
        using var one = Fresh(1);
        using var again = Fresh(1);
        using var other = Fresh(2);
        foreach (var (pair, same, different) in one.Pairs.Zip(again.Pairs, other.Pairs))
        {
            var (values, bound) = (pair.A.detach().data<float>().ToArray(), 1 / Math.Sqrt(pair.Target.In));
            Assert.InRange(values.Max(Math.Abs), 0.9 * bound, bound);
            Assert.InRange(Math.Sqrt(values.Average(value => (double)value * value)), 0.5 * bound, 0.65 * bound); // uniform: bound / sqrt(3) = 0.577 bound
            Assert.Equal(values, same.A.detach().data<float>().ToArray());
            Assert.NotEqual(values, different.A.detach().data<float>().ToArray());
            Assert.All(pair.B.detach().data<float>().ToArray(), value => Assert.Equal(0, value));
        }

        Assert.Equal(one.Pairs.Count(), one.Pairs.Select(pair => pair.A.detach().data<float>()[0] * Math.Sqrt(pair.Target.In)).Distinct().Count());
    }

    private static Tensor Loss(CausalLM model)
    {
        int[] ids = TinyModel.Ids(9);
        var tokens = new PackedTokens([.. ids.Select(id => (long)id)], [.. Enumerable.Range(0, 9).Select(i => (long)i)], [new PackedSegment(0, 9)]);
        return TokenLogProbs.Of(model, model.Hidden(tokens), [0, 1, 2, 3, 4, 5, 6, 7], [.. ids.Skip(1).Select(id => (long)id)]).sum();
    }

    private static void Close(Tensor expected, Tensor found, string name)
    {
        var size = expected.abs().max().item<float>();
        Assert.True(size > 0, $"{name} has no gradient");
        Assert.True(TinyAdapter.Distance(expected, found) <= 2e-4 * Math.Max(1, size), $"{name}: {TinyAdapter.Distance(expected, found)} of {size}");
    }
}
