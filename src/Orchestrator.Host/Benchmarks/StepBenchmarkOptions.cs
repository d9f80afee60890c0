namespace Orchestrator.Host.Benchmarks;

/// <summary>What `orchestrator bench step` is asked to measure.</summary>
public sealed record StepBenchmarkOptions
{
    /// <summary>config.json, or the folder that holds it.</summary>
    public required string Config { get; init; }

    /// <summary>Weights under Hugging Face names; null: random ones.</summary>
    public string? Init { get; init; }

    /// <summary>JSONL of prompt_ids, chosen_ids, rejected_ids; used in file order, going round at the end.</summary>
    public required string Data { get; init; }

    public int Workers { get; init; } = 1;

    /// <summary>Of each worker; null shares the processor out.</summary>
    public int? Threads { get; init; }

    public int PairsPerStep { get; init; } = 16;

    public int PairsPerLeaf { get; init; } = 8;

    /// <summary>Timed steps.</summary>
    public int Steps { get; init; } = 5;

    public int WarmupSteps { get; init; } = 3;

    public int MaxLength { get; init; } = 512;

    public bool Bf16 { get; init; }

    /// <summary>live; or precompute: a first run fills a cache of the reference's values, and the measured one finds them there.</summary>
    public string Reference { get; init; } = "live";

    public string Optimizer { get; init; } = "rmsprop";

    public double Clip { get; init; } = 1;

    /// <summary>Further settings of the run file, key=value.</summary>
    public IReadOnlyList<string> More { get; init; } = [];

    /// <summary>The run file's settings that this amounts to.</summary>
    public IEnumerable<string> Settings =>
    [
        $"workers={Workers}", $"pairs_per_step={PairsPerStep}", $"pairs_per_leaf={PairsPerLeaf}", $"max_steps={Steps + WarmupSteps}", $"max_length={MaxLength}",
        $"bf16={(Bf16 ? "true" : "false")}", $"reference_logps={Reference}", $"optim={Optimizer}", FormattableString.Invariant($"max_grad_norm={Clip}"),
        "device=cpu", "shuffle=false", "add_eos=false", "save_every_minutes=0", "on_bad_row=fail",
        .. Threads is { } threads ? [$"threads_per_worker={threads}"] : Array.Empty<string>(),
        .. More,
    ];

    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public void Check()
    {
        Require(Steps >= 1, $"--steps is {Steps}. Needed is 1 or more.");
        Require(WarmupSteps >= 1, $"--warmup-steps is {WarmupSteps}. Needed is 1 or more: the first step also loads code and touches memory for the first time.");
        Require(Workers >= 1, $"--workers is {Workers}. Needed is 1 or more.");
        Require(File.Exists(Data), $"--data {Data} does not exist. Needed are rows of prompt_ids, chosen_ids and rejected_ids.");
        Require(Init is null || File.Exists(Init), $"--init {Init} does not exist. Needed is a .safetensors file with the model's names.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
