namespace Orchestrator.Training.Models.Families;

/// <summary>
/// Inverse frequencies of rotary positions (Su et al. 2021, arXiv:2104.09864) and the ways in which families stretch them.
/// </summary>
internal static class RotaryPositions
{
    /// <param name="dimension">Values of each head that turn; even.</param>
    public static RopeSpec Describe(ModelConfig config, int dimension, string thetaKey = "rope_theta")
    {
        var parameters = config.Section("rope_parameters");
        var theta = parameters?.Number("rope_theta", 10000) ?? config.Number(thetaKey, 10000);
        var scaling = parameters ?? config.Section("rope_scaling");
        var kind = scaling is null ? "default" : scaling.Text("rope_type", scaling.Text("type", "default"));
        var plain = Frequencies(theta, dimension);
        return kind switch
        {
            "default" => new RopeSpec(dimension, _ => new RopeTable(plain)),
            "linear" => new RopeSpec(dimension, Constant([.. plain.Select(f => f / scaling!.Number("factor"))])),
            "llama3" => new RopeSpec(dimension, Constant(Llama3(plain, scaling!))),
            "dynamic" => Dynamic(dimension, theta, scaling!.Number("factor"), config.Int("max_position_embeddings")),
            _ => throw scaling!.Unsupported(scaling.Has("rope_type") ? "rope_type" : "type", "supported: default, linear, dynamic, llama3"),
        };
    }

    private static Func<int, RopeTable> Constant(double[] frequencies) => _ => new RopeTable(frequencies);

    private static double[] Frequencies(double theta, int dimension) =>
        [.. Enumerable.Range(0, dimension / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / dimension))];

    /// <summary>NTK-aware: the base grows once a sequence is longer than what the model was made for.</summary>
    private static RopeSpec Dynamic(int dimension, double theta, double factor, int made)
    {
        return new RopeSpec(dimension, length =>
        {
            var stretch = factor * Math.Max(length, made) / made - (factor - 1);
            return new RopeTable(Frequencies(theta * Math.Pow(stretch, dimension / (dimension - 2.0)), dimension));
        });
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
