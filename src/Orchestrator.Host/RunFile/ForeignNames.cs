namespace Orchestrator.Host.RunFile;

/// <summary>Keys of other trainers that have no twin here, and what to write instead.</summary>
public static class ForeignNames
{
    private static readonly Dictionary<string, string> Hints = new(StringComparer.Ordinal)
    {
        ["per_device_train_batch_size"] = "Write data.pairs_per_leaf, the pairs of one forward and backward.",
        ["per_device_eval_batch_size"] = "Leave it out: an evaluation takes data.pairs_per_leaf pairs in a forward.",
        ["gradient_accumulation_steps"] = "Write data.pairs_per_step, the pairs of a step: per_device_train_batch_size x gradient_accumulation_steps x number of devices.",
        ["batch_size"] = "Write data.pairs_per_step, the pairs of a step.",
        ["train_file"] = "Write data.train.",
        ["dataset_mixture"] = "Write data.datasets, a list of {path: FILE, weight: NUMBER}.",
        ["interleave_probs"] = "Write data.train, a list of {path: FILE, weight: NUMBER}.",
        ["dataset"] = "Write data.train, a file or a list of {path: FILE, weight: NUMBER}.",
        ["ref_model"] = "Write model.reference.",
        ["max_completion_length"] = "Write data.max_length (prompt and completion together) and data.max_prompt_length.",
        ["eval_strategy"] = "Write output.eval_every_steps, or eval_steps beside eval_strategy: steps (TRL takes logging_steps for it where it is absent).",
        ["save_strategy"] = "Write output.save_every_steps, or save_steps beside save_strategy: steps (TRL takes 500 for it where it is absent), or output.save_every_minutes.",
        ["logging_dir"] = "Metrics go to metrics.jsonl, and with output.report_to: tensorboard to tensorboard/, in output.output_dir.",
        ["tensorboard"] = "Write output.report_to: tensorboard.",
        ["resume_from_checkpoint"] = "Start with: orchestrator train RUN.yaml --resume.",
        ["use_peft"] = "Write lora.lora_r, the adapters' rank; 0 trains all weights.",
        ["target_modules"] = "Write lora.lora_target_modules.",
        ["modules_to_save"] = "Adapters alone are trained; embeddings and head stay as they are.",
        ["dtype"] = "Weights are kept in fp32; write training.bf16: true for products in bf16.",
        ["torch_dtype"] = "Weights are kept in fp32; write training.bf16: true for products in bf16.",
        ["fp16"] = "Write training.bf16: true.",
        ["push_to_hub"] = "The model is left in output.output_dir/model; nothing is uploaded.",
        ["lr"] = "Write training.learning_rate.",
        ["n_epochs"] = "Write training.num_train_epochs.",
        ["num_workers"] = "Write cluster.workers.",
        ["disable_dropout"] = "Dropout is always off.",
        ["rpo_alpha"] = "Write objective.loss_type: [sigmoid, sft] and objective.loss_weights: [1, rpo_alpha's value].",
        ["generate_during_eval"] = "Write output.eval_samples, the prompts of each evaluation set that policy and reference answer.",
        ["max_grad_norm_clip"] = "Write training.max_grad_norm.",
    };

    /// <summary>Values that ask for what is done here anyway, or that decide nothing about a result; none listed: any value.</summary>
    private static readonly Dictionary<string, string[]> Granted = new(StringComparer.Ordinal)
    {
        ["disable_dropout"] = ["true"],
        ["do_train"] = ["true"],
        ["fp16"] = ["false"],
        ["push_to_hub"] = ["false"],
        ["trust_remote_code"] = ["false"],
        ["dtype"] = ["float32", "auto"],
        ["torch_dtype"] = ["float32", "auto"],
        ["attn_implementation"] = [],
        ["dataloader_num_workers"] = [],
        ["dataloader_pin_memory"] = [],
        ["dataset_num_proc"] = [],
        ["ddp_find_unused_parameters"] = [],
        ["gradient_checkpointing_kwargs"] = [],
        ["padding_free"] = [],
        ["remove_unused_columns"] = [],
        ["use_liger_kernel"] = [],
    };

    /// <summary>Whether a key of a recipe for another trainer may stay where it is.</summary>
    /// <param name="written">The keys of ours that the file has.</param>
    public static bool MayStay(string name, YamlValue value, IReadOnlyDictionary<Key, YamlValue> written) => name switch
    {
        "use_peft" => value.Text == (written.Keys.Any(key => key.Section == LoraKeys.Rank.Section) ? "true" : "false"),
        "eval_strategy" => value.Text == "steps" && written.ContainsKey(OutputKeys.EvalEverySteps),
        "save_strategy" => value.Text == "steps" && written.ContainsKey(OutputKeys.SaveEverySteps),
        _ => Granted.TryGetValue(name, out var values) && (values.Length == 0 || values.Contains(value.Text)),
    };

    public static string? HintFor(string name) => Hints.GetValueOrDefault(name);
}
