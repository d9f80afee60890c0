using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Policy and reference from a job's files. All weights trained: "model/", or on a resume "checkpoint/", is the policy, and "reference/", else
/// "model/", the reference. Adapters trained: the policy is "model/" with the adapter in "checkpoint/" on a resume, in "adapter/" where one goes
/// on, else a fresh one; the reference is "reference/" where there is one, else the policy with "adapter/" as it was, or with no adapter.
/// </summary>
internal sealed class JobModels(ReplicaOptions options, JobFolders folders, Device at)
{
    private const string Model = "model";
    private const string Adapter = "adapter";
    private const string Checkpoint = "checkpoint";
    private const string Reference = "reference";

    private bool Adapts => options.Lora is not null || folders.HasAdapter(Adapter);

    /// <summary>Directory whose names, types and side files a save of all weights takes over.</summary>
    public string Source => folders.HasModel(Model) ? folders.Model(Model) : folders.Model(Checkpoint); // a checkpoint may be pruned while the run goes on

    public CausalLM Policy(bool resumed)
    {
        if (!Adapts)
        {
            return Load(resumed ? Checkpoint : Model);
        }

        var policy = Load(Model);
        policy.Attach(
            resumed ? AdapterDirectory.Load(folders.Adapter(Checkpoint), policy.Spec, at)
            : folders.HasAdapter(Adapter) ? AdapterDirectory.Load(folders.Adapter(Adapter), policy.Spec, at)
            : Fresh(policy));
        return policy;
    }

    public ReferenceModel ReferenceOf(CausalLM policy) =>
        folders.HasModel(Reference) ? ReferenceModel.Own(Load(Reference))
        : !Adapts ? ReferenceModel.Own(Load(Model))
        : ReferenceModel.Within(policy, folders.HasAdapter(Adapter) ? AdapterDirectory.Load(folders.Adapter(Adapter), policy.Spec, at) : null);

    private LoraAdapter Fresh(CausalLM policy)
    {
        var lora = options.Lora?.New ?? throw new InvalidDataException($"The run goes on with an adapter, and the job names no file {Adapter}/{AdapterDirectory.ConfigFile}.");
        return LoraAdapter.Create(lora, LoraTargets.Resolve(policy.Spec, options.Lora.TargetModules), options.Lora.Seed, at);
    }

    private CausalLM Load(string folder)
    {
        var model = ModelDirectory.Load(folders.Model(folder), at);
        (model.Compute, model.Checkpointing) = (options.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32, options.GradientCheckpointing);
        return model;
    }
}
