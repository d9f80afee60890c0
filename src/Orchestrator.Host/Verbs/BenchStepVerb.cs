using System.CommandLine;
using Orchestrator.Host.Benchmarks;
using Orchestrator.Host.Screen;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator bench step`: whole steps of a run, with real workers.</summary>
internal static class BenchStepVerb
{
    private static readonly Option<string> Config = new("--config") { Required = true, Description = "A model's config.json, or its folder." };
    private static readonly Option<string?> Init = new("--init") { Description = "Weights to start from, .safetensors; random ones otherwise." };
    private static readonly Option<string> Data = new("--data") { Required = true, Description = "Pairs as ids, JSONL, used in file order." };
    private static readonly Option<int> Workers = new("--workers") { DefaultValueFactory = _ => 1, Description = "Worker processes." };
    private static readonly Option<int?> Threads = new("--threads") { Description = "Threads of a worker; the processor is shared out otherwise." };
    private static readonly Option<int> PairsPerStep = new("--pairs-per-step") { DefaultValueFactory = _ => 16 };
    private static readonly Option<int> PairsPerLeaf = new("--pairs-per-leaf") { DefaultValueFactory = _ => 8 };
    private static readonly Option<int> Steps = new("--steps") { DefaultValueFactory = _ => 5, Description = "Timed steps." };
    private static readonly Option<int> WarmupSteps = new("--warmup-steps") { DefaultValueFactory = _ => 3, Description = "Steps before them." };
    private static readonly Option<int> MaxLength = new("--max-length") { DefaultValueFactory = _ => 512 };
    private static readonly Option<string> Dtype = OneOf("--dtype", "fp32", "bf16");
    private static readonly Option<string> Reference = OneOf("--reference", "live", "precompute");
    private static readonly Option<string> Optimizer = OneOf("--optimizer", "rmsprop", "adamw", "sgd");
    private static readonly Option<double> Clip = new("--clip") { DefaultValueFactory = _ => 1, Description = "Gradient norm to clip at; 0: not clipped." };
    private static readonly Option<string[]> Set = new("--set") { Description = "key=value of the run file.", AllowMultipleArgumentsPerToken = false };
    private static readonly Option<string?> Trace = VerbOptions.Trace();
    private static readonly Option<bool> Json = VerbOptions.Json();

    public static Command Command()
    {
        var command = new Command("step", "Whole steps: pairs/s, tokens/s, memory, processor time, time by phase, losses.")
        {
            Config, Init, Data, Workers, Threads, PairsPerStep, PairsPerLeaf, Steps, WarmupSteps, MaxLength, Dtype, Reference, Optimizer, Clip, Set, Trace, Json,
        };
        command.SetAction(async (parsed, stop) =>
        {
            var line = new ProgressLine(Console.Error, terminal: false, () => int.MaxValue);
            var result = await StepBenchmark.RunAsync(OptionsOf(parsed), line, parsed.GetValue(Trace), stop);
            foreach (var text in parsed.GetValue(Json) ? [StepBenchmarkText.Json(result)] : StepBenchmarkText.Lines(result))
            {
                Console.WriteLine(text);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static StepBenchmarkOptions OptionsOf(ParseResult parsed) => new()
    {
        Config = Path.GetFullPath(parsed.GetRequiredValue(Config)),
        Init = parsed.GetValue(Init),
        Data = Path.GetFullPath(parsed.GetRequiredValue(Data)),
        Workers = parsed.GetValue(Workers),
        Threads = parsed.GetValue(Threads),
        PairsPerStep = parsed.GetValue(PairsPerStep),
        PairsPerLeaf = parsed.GetValue(PairsPerLeaf),
        Steps = parsed.GetValue(Steps),
        WarmupSteps = parsed.GetValue(WarmupSteps),
        MaxLength = parsed.GetValue(MaxLength),
        Bf16 = parsed.GetRequiredValue(Dtype) == "bf16",
        Reference = parsed.GetRequiredValue(Reference),
        Optimizer = parsed.GetRequiredValue(Optimizer),
        Clip = parsed.GetValue(Clip),
        More = parsed.GetValue(Set) ?? [],
    };

    private static Option<string> OneOf(string name, params string[] values)
    {
        var option = new Option<string>(name) { DefaultValueFactory = _ => values[0], Description = $"{string.Join(", ", values[..^1])} or {values[^1]}." };
        option.AcceptOnlyFromAmong(values);
        return option;
    }
}
