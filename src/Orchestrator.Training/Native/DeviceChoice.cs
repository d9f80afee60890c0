using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>
/// What the run file says under cluster.device: auto (all CUDA devices, else the CPU), cpu, cuda (all CUDA devices) or cuda:N (one of them).
/// Reading it touches no device.
/// </summary>
public sealed partial record DeviceChoice
{
    private readonly int? _index;

    private DeviceChoice(string text, int? index) => (Text, _index) = (text, index);

    public static DeviceChoice Auto { get; } = new("auto", null);

    public string Text { get; }

    /// <exception cref="FormatException">None of auto, cpu, cuda, cuda:N.</exception>
    public static DeviceChoice Parse(string text)
    {
        if (text is "auto" or "cpu" or "cuda")
        {
            return new DeviceChoice(text, null);
        }

        return CudaIndex().Match(text) is { Success: true } match
            ? new DeviceChoice(text, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))
            : throw new FormatException($"\"{text}\" is no device. Needed: auto, cpu, cuda or cuda:N, for example cuda:0.");
    }

    /// <summary>The devices meant, by the names libtorch knows them: cpu, cuda:0, cuda:1 and so on.</summary>
    /// <param name="cudaDevices">How many there are, as <see cref="TorchReport.CudaDevices"/> says.</param>
    /// <exception cref="NotSupportedException">The machine lacks what is asked for.</exception>
    public ImmutableArray<string> Resolve(int cudaDevices)
    {
        if (Text == "cpu" || (Text == "auto" && cudaDevices == 0))
        {
            return ["cpu"];
        }

        if (cudaDevices == 0)
        {
            throw new NotSupportedException(
                $"The device is {Text}, and libtorch sees no CUDA device here. Use cpu or auto, or build with -p:TorchBackend=cuda on a machine with an NVIDIA driver.");
        }

        if (_index >= cudaDevices)
        {
            throw new NotSupportedException($"The device is {Text}, and this machine has {cudaDevices} CUDA device(s): cuda:0 to cuda:{cudaDevices - 1}.");
        }

        return _index is { } index ? [$"cuda:{index}"] : [.. Enumerable.Range(0, cudaDevices).Select(device => $"cuda:{device}")];
    }

    /// <summary>The one device a replica computes on: the first of those meant.</summary>
    /// <exception cref="NotSupportedException">The machine lacks what is asked for.</exception>
    public Device First() => device(Resolve(TorchRuntime.Load().CudaDevices)[0]);

    public override string ToString() => Text;

    [GeneratedRegex(@"\Acuda:([0-9]{1,4})\z", RegexOptions.CultureInvariant)]
    private static partial Regex CudaIndex();
}
