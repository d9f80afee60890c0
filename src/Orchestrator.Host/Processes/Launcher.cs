using System.Diagnostics;

namespace Orchestrator.Host.Processes;

/// <summary>What the launcher starts.</summary>
/// <param name="Program">Program and first arguments, up to the verb.</param>
/// <param name="Arguments">For one place.</param>
/// <param name="Environment">Added to this process's own: secrets go here, where no process list shows them.</param>
public sealed record WorkerCommand(
    IReadOnlyList<string> Program, Func<WorkerPlace, IReadOnlyList<string>> Arguments, Func<WorkerPlace, IReadOnlyDictionary<string, string>> Environment)
{
    /// <summary>This same program, however it was started.</summary>
    public static IReadOnlyList<string> ThisProgram { get; } =
        System.IO.Path.GetFileNameWithoutExtension(System.Environment.ProcessPath!) == "dotnet"
            ? [System.Environment.ProcessPath!, System.IO.Path.Combine(AppContext.BaseDirectory, "orchestrator.dll")]
            : [System.Environment.ProcessPath!];
}

/// <summary>
/// Keeps the worker processes of this machine alive: starts one a place, starts it again as <see cref="RestartRule"/> says, and ends all of
/// them when it is disposed.
/// </summary>
public sealed class Launcher : IAsyncDisposable
{
    private readonly LaunchThread _thread = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource<string> _exhausted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WorkerCommand _command;
    private readonly RestartRule _rule;
    private readonly string _logFolder;
    private readonly Action<string> _tell;
    private readonly TimeProvider _time;
    private readonly List<Task> _places = [];
    private int _empty;

    /// <param name="logFolder">worker-K.log goes here.</param>
    /// <param name="tell">One line for people: a worker ended, is started again, is given up.</param>
    public Launcher(WorkerCommand command, RestartRule rule, string logFolder, Action<string> tell, TimeProvider? time = null) =>
        (_command, _rule, _logFolder, _tell, _time) = (command, rule, logFolder, tell, time ?? TimeProvider.System);

    /// <summary>How long children may take to end by themselves when the launcher is disposed.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>Completes, with the reason, once every place is empty because its worker failed for good.</summary>
    public Task<string> Exhausted => _exhausted.Task;

    /// <summary>Completes once no child lives and none will be started again.</summary>
    public Task Ended => Task.WhenAll(_places);

    /// <summary>Called once.</summary>
    public void Start(IReadOnlyList<WorkerPlace> places) => _places.AddRange(places.Select(place => KeepAsync(place, places.Count)));

    /// <summary>Asks children to end (SIGTERM), waits for <see cref="Grace"/>, and kills what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_places);
        _thread.Dispose();
        _ending.Dispose();
    }

    private async Task KeepAsync(WorkerPlace place, int places)
    {
        await Task.Yield();
        using var log = new ChildLog(System.IO.Path.Combine(_logFolder, $"{place.Name}.log"));
        var strikes = 0;
        while (!_ending.IsCancellationRequested)
        {
            var began = _time.GetTimestamp();
            var exitCode = await LiveAsync(place, log);
            if (_ending.IsCancellationRequested)
            {
                return;
            }

            (var decision, strikes) = _rule.Decide(exitCode, strikes, _time.GetElapsedTime(began));
            if (decision.Failed)
            {
                Report(place, decision, log);
            }

            if (decision.Again is not { } pause)
            {
                Leave(decision, place, places);
                return;
            }

            await Task.Delay(pause, _time, _ending.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task<int> LiveAsync(WorkerPlace place, ChildLog log)
    {
        try
        {
            using var process = await _thread.StartAsync(StartInfo(place));
            process.OutputDataReceived += (_, line) => Keep(line.Data);
            process.ErrorDataReceived += (_, line) => Keep(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await ChildEnd.WaitAsync(process, Grace, _time, _ending.Token);
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            log.Add($"{_command.Program[0]} cannot be started: {error.Message}");
            return ExitCode.Refused;
        }

        void Keep(string? line)
        {
            if (line is not null)
            {
                log.Add(line);
            }
        }
    }

    private ProcessStartInfo StartInfo(WorkerPlace place)
    {
        var start = new ProcessStartInfo(_command.Program[0], [.. _command.Program.Skip(1), .. _command.Arguments(place)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in _command.Environment(place).Append(new(ParentWatch.Variable, $"{System.Environment.ProcessId}")))
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private void Report(WorkerPlace place, RestartDecision decision, ChildLog log)
    {
        var next = decision.Again is { } pause ? $"It is started again in {pause.TotalSeconds:0.#} s." : "Its place stays empty.";
        var last = log.Last.Count == 0 ? "" : $" Its last lines ({log.Path}):{string.Concat(log.Last.Select(line => $"{System.Environment.NewLine}    {line}"))}";
        _tell($"{place.Name} on {place.Device} has ended: {decision.Why}. {next}{last}");
    }

    private void Leave(RestartDecision decision, WorkerPlace place, int places)
    {
        if (decision.Failed && Interlocked.Increment(ref _empty) == places)
        {
            _exhausted.TrySetResult($"No worker is left on this machine: {place.Name} has ended, {decision.Why}.");
        }
    }
}
