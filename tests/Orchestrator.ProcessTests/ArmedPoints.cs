using System.Globalization;
using Orchestrator.Core;

namespace Orchestrator.ProcessTests;

/// <summary>Points of a step at which the next process that comes by waits, so that a signal finds it there.</summary>
internal sealed class ArmedPoints(string folder)
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly string _folder = Directory.CreateDirectory(folder).FullName;

    /// <summary>For the environment of the processes that are to wait.</summary>
    public (string Name, string Value) Variable => (FaultPoint.Variable, _folder);

    public void Arm(string point) => File.WriteAllText(Path.Combine(_folder, point), "");

    public void Release(string point) => File.WriteAllText(Path.Combine(_folder, point + ".go"), "");

    /// <summary>The id of the process that has come there and waits.</summary>
    /// <param name="coordinator">Tells what happened, where nobody comes.</param>
    public async Task<int> ReachedAsync(string point, OrchestratorProcess coordinator)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            if (Directory.EnumerateFiles(_folder, point + ".*").Select(path => Path.GetExtension(path).TrimStart('.')).FirstOrDefault(text => text.Length > 0 && text.All(char.IsAsciiDigit)) is { } id)
            {
                return int.Parse(id, CultureInfo.InvariantCulture);
            }

            try
            {
                await Task.Delay(10, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Nobody came to \"{point}\". What happened:\n{coordinator.Output}");
            }
        }
    }
}
