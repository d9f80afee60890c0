using System.Collections.Immutable;
using System.Globalization;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>What `bench allreduce` measures, and among which ranks.</summary>
public sealed record AllReduceBenchmarkOptions
{
    /// <summary>Ranks of the group on all machines together. Default 2.</summary>
    public int Ranks { get; init; } = 2;

    /// <summary>How many of them this call starts; null: all.</summary>
    public int? LocalRanks { get; init; }

    /// <summary>Sizes of the buffers, bytes, multiples of 4.</summary>
    public ImmutableArray<long> Bytes { get; init; } = [4096, 26_214_400, 104_857_600];

    public Transport Transport { get; init; } = Transport.Auto;

    public WireType Wire { get; init; } = WireType.Fp32;

    /// <summary>Every round visits every size. Default 3.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Timed operations of one size in one round; 0 chooses by size.</summary>
    public int Repeats { get; init; }

    /// <summary>One line of JSON a size instead of the table.</summary>
    public bool Json { get; init; }

    /// <summary>All ranks in this process, each on threads of its own: they read each other by reference.</summary>
    public bool OneProcess { get; init; }

    /// <summary>IP address on which ranks of other machines are awaited; the loopback unless told otherwise.</summary>
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>0 takes a free port.</summary>
    public int Port { get; init; }

    /// <summary>host:port at which another machine's benchmark awaits ranks; this one then only starts <see cref="LocalRanks"/> for it.</summary>
    public string? Join { get; init; }

    /// <summary>Shared secret of all ranks; "" draws one, which is enough on one machine.</summary>
    public string Token { get; init; } = "";

    public TlsOptions? Tls { get; init; }

    public int ChunkBytes { get; init; } = 512 * 1024;

    public int Connections { get; init; } = 1;

    /// <summary>How long ranks may take to arrive. Default 60 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    internal int Starts => LocalRanks ?? Ranks;

    /// <summary>Reads "--ranks 2 --bytes 4096,104857600 --transport shm --wire fp32 --rounds 3 --json" and the rest.</summary>
    /// <exception cref="ArgumentException">An argument is unknown, or its value is not what it needs; the message names it.</exception>
    public static AllReduceBenchmarkOptions Parse(IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var options = new AllReduceBenchmarkOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            options = arguments[i] switch
            {
                "--json" => options with { Json = true },
                "--one-process" => options with { OneProcess = true },
                var name => With(options, name, i + 1 < arguments.Count ? arguments[++i] : throw new ArgumentException($"{name} needs a value.")),
            };
        }

        options.Check();
        return options;
    }

    private static AllReduceBenchmarkOptions With(AllReduceBenchmarkOptions options, string name, string value) => name switch
    {
        "--ranks" => options with { Ranks = Number(name, value) },
        "--local" => options with { LocalRanks = Number(name, value) },
        "--bytes" => options with { Bytes = [.. value.Split(',').Select(part => long.TryParse(part, CultureInfo.InvariantCulture, out var bytes) ? bytes : throw Bad(name, value, "bytes[,bytes...]"))] },
        "--transport" => options with { Transport = Choice<Transport>(name, value) },
        "--wire" => options with { Wire = Choice<WireType>(name, value) },
        "--rounds" => options with { Rounds = Number(name, value) },
        "--repeats" => options with { Repeats = Number(name, value) },
        "--bind" => options with { Bind = value },
        "--port" => options with { Port = Number(name, value) },
        "--join" => options with { Join = value },
        "--token" => options with { Token = value },
        "--tls" => value.Split(',') is [var certificate, var key, var authority] ? options with { Tls = new TlsOptions(certificate, key, authority) } : throw Bad(name, value, "certificate,key,authority (PEM files)"),
        "--chunk" => options with { ChunkBytes = Number(name, value) },
        "--connections" => options with { Connections = Number(name, value) },
        _ => throw new ArgumentException($"bench allreduce knows no {name}. It knows --ranks --local --bytes --transport --wire --rounds --repeats --json --one-process --bind --port --join --token --tls --chunk --connections."),
    };

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Check()
    {
        Require(Ranks is >= 1 and <= 512, $"--ranks is {Ranks}; needed is 1 to 512.");
        Require(Starts is >= 0 and <= 512 && (Join is not null || Starts <= Ranks), $"--local is {Starts}; needed is 0 to {Ranks}, the number of ranks.");
        Require(Join is null || LocalRanks is not null, "--join lends ranks to a benchmark elsewhere: say how many with --local.");
        Require(Bytes.Length > 0 && Bytes.All(bytes => bytes > 0 && bytes % sizeof(float) == 0), $"--bytes is {string.Join(',', Bytes)}; needed are multiples of 4 above 0.");
        Require(Rounds >= 1 && Repeats >= 0, $"--rounds is {Rounds} and --repeats {Repeats}; needed are at least 1 and 0.");
        Require(!OneProcess || (Join is null && Starts == Ranks), "--one-process starts all ranks itself: leave out --join and --local.");

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new ArgumentException(message);
            }
        }
    }

    private static int Number(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Bad(name, value, "a whole number");

    private static T Choice<T>(string name, string value)
        where T : struct, Enum =>
        Enum.TryParse<T>(value, ignoreCase: true, out var choice) && Enum.IsDefined(choice)
            ? choice
            : throw Bad(name, value, string.Join('|', Enum.GetNames<T>()).ToLowerInvariant());

    private static ArgumentException Bad(string name, string value, string needed) => new($"{name} is '{value}'; needed is {needed}.");
}
