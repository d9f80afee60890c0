namespace Orchestrator.Host.RunFile;

/// <summary>Keys of other trainers that have no twin here, and what to write instead.</summary>
public static class ForeignNames
{
    private static readonly Dictionary<string, string> Hints = new(StringComparer.Ordinal)
    {
        ["per_device_train_batch_size"] = "Write data.pairs_per_leaf, the pairs of one forward and backward.",
        ["per_device_eval_batch_size"] = "Write data.pairs_per_leaf, the pairs of one forward.",
        ["gradient_accumulation_steps"] = "Write data.pairs_per_step, the pairs of a step: per_device_train_batch_size x gradient_accumulation_steps x number of devices.",
        ["batch_size"] = "Write data.pairs_per_step, the pairs of a step.",
        ["dataset_name"] = "Write data.train, a file of pairs (.jsonl, .jsonl.gz, .parquet).",
        ["train_file"] = "Write data.train.",
        ["dataset_mixture"] = "Write data.datasets, a list of {path: FILE, weight: NUMBER}.",
        ["interleave_probs"] = "Write data.train, a list of {path: FILE, weight: NUMBER}.",
        ["dataset"] = "Write data.train, a file or a list of {path: FILE, weight: NUMBER}.",
        ["ref_model"] = "Write model.reference.",
        ["max_completion_length"] = "Write data.max_length (prompt and completion together) and data.max_prompt_length.",
        ["precompute_ref_log_probs"] = "Write reference.reference_logps: precompute.",
        ["eval_strategy"] = "Write output.eval_every_steps.",
        ["save_strategy"] = "Write output.save_every_steps or output.save_every_minutes.",
        ["logging_dir"] = "Metrics go to metrics.jsonl, and with output.report_to: tensorboard to tensorboard/, in output.output_dir.",
        ["tensorboard"] = "Write output.report_to: tensorboard.",
        ["resume_from_checkpoint"] = "Start with: orchestrator train RUN.yaml --resume.",
        ["use_peft"] = "Write lora.lora_r, the adapters' rank; 0 trains all weights.",
        ["target_modules"] = "Write lora.lora_target_modules.",
        ["modules_to_save"] = "Adapters alone are trained; embeddings and head stay as they are.",
        ["lr"] = "Write training.learning_rate.",
        ["n_epochs"] = "Write training.num_train_epochs.",
        ["num_workers"] = "Write cluster.workers.",
        ["disable_dropout"] = "Dropout is always off.",
        ["max_grad_norm_clip"] = "Write training.max_grad_norm.",
    };

    public static string? HintFor(string name) => Hints.GetValueOrDefault(name);
}
