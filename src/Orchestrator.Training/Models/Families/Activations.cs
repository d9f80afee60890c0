namespace Orchestrator.Training.Models.Families;

internal static class Activations
{
    private static readonly Dictionary<string, Activation> Names = new(StringComparer.Ordinal)
    {
        ["silu"] = Activation.Silu,
        ["swish"] = Activation.Silu,
        ["gelu"] = Activation.Gelu,
        ["gelu_new"] = Activation.GeluTanh,
        ["gelu_fast"] = Activation.GeluTanh,
        ["gelu_pytorch_tanh"] = Activation.GeluTanh,
        ["relu"] = Activation.Relu,
    };

    public static Activation Of(ModelConfig config, string key, string absent) =>
        Names.TryGetValue(config.Text(key, absent), out var activation)
            ? activation
            : throw config.Unsupported(key, $"supported: {string.Join(", ", Names.Keys)}");

    /// <param name="keyOrName">A key of the configuration, or where it has none of that name, the activation itself.</param>
    public static Activation Named(ModelConfig config, string keyOrName) =>
        Names.TryGetValue(keyOrName, out var activation) ? activation : Of(config, keyOrName, "silu");
}
