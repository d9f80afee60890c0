using System.Globalization;
using Orchestrator.Benchmarks;
using Orchestrator.Benchmarks.Control;
using Orchestrator.Benchmarks.Native;
using Orchestrator.Benchmarks.Rows;
using Orchestrator.Collectives.Benchmark;

const string Usage = """
    allreduce [--ranks N] [--bytes B[,B...]] [--transport auto|shm|grpc] [--wire fp32|bf16] [--rounds R] [--json] ...
    ratios FILE...    JSON lines of several peers -> medians over the rounds, and how many times as fast as gloo each is
    step-ratios FILE...    JSON lines of `orchestrator bench step` and of the peer -> do losses agree, ratios of medians
    gemm [THREADS [ROUNDS]]                      fp32 products with fast math off and on
    heap [VOCABULARY chunked|whole [STEPS]]      a step's allocations under several settings of the heap
    threads [CORES [STEPS [ROUNDS]]]             one process with many threads against many with one
    control [WORKERS[,WORKERS...] [STEPS]]       steps of simulated workers that compute nothing: what the control plane costs
    rows [ROWS [IDS]]                            how a run starts on many encoded rows, and from the cache of tokens
    tokenizer MODEL_DIRECTORY TEXT_FILE          MB/s of a model's tokenizer on one thread
    """;

try
{
    switch (args)
    {
        case ["allreduce", .. var rest]:
            await AllReduceBenchmark.RunAsync(AllReduceBenchmarkOptions.Parse(rest), ThisProgram("allreduce-rank"), Console.Out);
            return 0;
        case ["allreduce-rank", var desk]:
            await AllReduceBenchmark.RunRankAsync(desk);
            return 0;
        case ["ratios", .. var files]:
            Ratios.Print(files.SelectMany(File.ReadLines), Console.Out);
            return 0;
        case ["step-ratios", .. var files]:
            return StepRatios.Print(files.SelectMany(File.ReadLines), Console.Out) ? 0 : 1;
        case ["gemm" or "heap" or "threads" or GemmBenchmark.ChildVerb or HeapBenchmark.ChildVerb or ThreadsBenchmark.ChildVerb, ..]:
            return await NativeBenchmarks.Run(args, ThisProgram(), Console.Out);
        case ["control", .. var rest]:
            await ControlBenchmark.RunAsync(
                [.. (rest.Length > 0 ? rest[0] : "8,64,512").Split(',').Select(count => int.Parse(count, CultureInfo.InvariantCulture))],
                rest.Length > 1 ? int.Parse(rest[1], CultureInfo.InvariantCulture) : 100,
                Console.Out);
            return 0;
        case ["rows", .. var rest]:
            RowsBenchmark.Run(rest.Length > 0 ? int.Parse(rest[0], CultureInfo.InvariantCulture) : 10_000_000, rest.Length > 1 ? int.Parse(rest[1], CultureInfo.InvariantCulture) : 60, Console.Out);
            return 0;
        case ["tokenizer", var model, var text]:
            TokenizerBenchmark.Run(model, text, Console.Out);
            return 0;
        default:
            await Console.Error.WriteLineAsync(Usage);
            return 2;
    }
}
catch (Exception error) when (error is ArgumentException or InvalidOperationException or IOException or TimeoutException or InvalidDataException)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 1;
}

static string[] ThisProgram(params string[] verb) =>
    Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [Environment.ProcessPath!, Environment.GetCommandLineArgs()[0], .. verb] : [Environment.ProcessPath!, .. verb];
