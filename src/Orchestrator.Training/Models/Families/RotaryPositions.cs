using System.Text.Json;

namespace Orchestrator.Training.Models.Families;

/// <summary>
/// Inverse frequencies of rotary positions (Su et al. 2021, arXiv:2104.09864) and the ways in which families stretch them. Newer files have all of it
/// in rope_parameters; in older ones base and turning share stand beside rope_scaling, which is the one that counts where a file has both.
/// </summary>
internal static class RotaryPositions
{
    private const string Share = "partial_rotary_factor";

    /// <param name="turning">The share of each head's values that turn, where the configuration does not say.</param>
    public static RopeSpec Describe(ModelConfig config, int headSize, double turning, string turningKey = Share, string thetaKey = "rope_theta")
    {
        var parameters = config.Section("rope_scaling") ?? config.Section("rope_parameters");
        if (parameters?.Keys.FirstOrDefault(key => parameters.Element(key).ValueKind == JsonValueKind.Object) is { } nested)
        {
            throw parameters.Unsupported(nested, "one set of parameters for all layers is");
        }

        var dimension = (int)(headSize * (Given(parameters, Share) ?? config.Number(turningKey, turning)));
        var theta = Given(parameters, "rope_theta") ?? config.Number(thetaKey, 10000);
        var kind = parameters?.Text("rope_type", parameters.Text("type", "default")) ?? "default";
        var plain = Frequencies(theta, dimension);
        return kind switch
        {
            "default" => new RopeSpec(dimension, _ => plain),
            "linear" => Constant(dimension, [.. plain.Select(f => f / parameters!.Number("factor"))]),
            "llama3" => Constant(dimension, Llama3(plain, parameters!)),
            "dynamic" => Dynamic(dimension, theta, parameters!.Number("factor"), config.Int("max_position_embeddings")),
            _ => throw parameters!.Unsupported(parameters.Has("rope_type") ? "rope_type" : "type", "supported: default, linear, dynamic, llama3"),
        };
    }

    /// <summary>For families in which all values of a head turn.</summary>
    public static RopeSpec Whole(ModelConfig config, int headSize)
    {
        config.Require(Share, "1");
        config.Section("rope_parameters")?.Require(Share, "1");
        return Describe(config, headSize, turning: 1);
    }

    private static double? Given(ModelConfig? parameters, string key) => parameters?.Has(key) == true ? parameters.Number(key) : null;

    private static RopeSpec Constant(int dimension, double[] frequencies) => new(dimension, _ => frequencies);

    private static double[] Frequencies(double theta, int dimension) =>
        [.. Enumerable.Range(0, dimension / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / dimension))];

    /// <summary>NTK-aware: the base grows once a sequence is longer than what the model was made for.</summary>
    private static RopeSpec Dynamic(int dimension, double theta, double factor, int made)
    {
        double[] Of(int length)
        {
            var stretch = factor * Math.Max(length, made) / made - (factor - 1);
            return Frequencies(theta * Math.Pow(stretch, dimension / (dimension - 2.0)), dimension);
        }

        return new RopeSpec(dimension, Of, ByLength: true);
    }

    /// <summary>Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between blended.</summary>
    private static double[] Llama3(double[] plain, ModelConfig scaling)
    {
        var (factor, low, high) = (scaling.Number("factor"), scaling.Number("low_freq_factor"), scaling.Number("high_freq_factor"));
        var made = scaling.Number("original_max_position_embeddings");
        return [.. plain.Select(frequency =>
        {
            var turns = made * frequency / (2 * Math.PI);
            var keep = Math.Clamp((turns - low) / (high - low), 0, 1);
            return keep * frequency + (1 - keep) * frequency / factor;
        })];
    }
}
