using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Models.Adapters;

/// <summary>Which projections of a model get an adapter. Names are as PEFT takes them: a projection's last name, the end of its full name, or all of it.</summary>
public static class LoraTargets
{
    /// <summary>Every projection of every layer; not the embeddings and not the head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>What PEFT takes where nobody names any: <see cref="DefaultOf"/>.</summary>
    public const string Default = "default";

    /// <summary>All projections that may have an adapter, in ordinal order of names.</summary>
    public static ImmutableArray<LinearSpec> Candidates(DecoderSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return [.. spec.Layers.SelectMany(layer => layer.Linears).OrderBy(linear => linear.Name, StringComparer.Ordinal)];
    }

    /// <summary>
    /// PEFT's table TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING: the query's and the value's projection, or the one that both are part of, and
    /// what the family adds. PEFT has no row for Phi-3, which gets by the same rule its qkv_proj.
    /// </summary>
    /// <returns>Last names.</returns>
    public static ImmutableArray<string> DefaultOf(DecoderSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var projections = spec.Layers[0].Qkv.Projections;
        return [LastName(projections[0]), .. projections.Length == 1 ? [] : new[] { LastName(projections[^1]) }, .. spec.FurtherAdapters];
    }

    /// <param name="wanted">Names, or "all-linear" or "default" alone.</param>
    /// <returns>In ordinal order of names.</returns>
    /// <exception cref="ArgumentException">A name fits no projection; the message has the nearest that does.</exception>
    public static ImmutableArray<LinearSpec> Resolve(DecoderSpec spec, ImmutableArray<string> wanted)
    {
        var all = Candidates(spec);
        if (wanted is [AllLinear])
        {
            return all;
        }

        wanted = wanted is [Default] ? DefaultOf(spec) : wanted;
        var unknown = wanted.FirstOrDefault(name => !all.Any(linear => Fits(linear, name)));
        if (unknown is not null || wanted.IsEmpty)
        {
            throw Unknown(spec, all, unknown);
        }

        return [.. all.Where(linear => wanted.Any(name => Fits(linear, name)))];
    }

    /// <summary>The shortest names that stand for exactly these projections: last names, else full ones.</summary>
    public static ImmutableArray<string> NamesOf(DecoderSpec spec, IReadOnlyCollection<LinearSpec> targets)
    {
        ImmutableArray<string> brief = [.. targets.Select(LastName).Distinct().Order(StringComparer.Ordinal)];
        return Resolve(spec, brief).Length == targets.Count ? brief : [.. targets.Select(target => target.Name).Order(StringComparer.Ordinal)];
    }

    private static bool Fits(LinearSpec linear, string name) => linear.Name == name || linear.Name.EndsWith($".{name}", StringComparison.Ordinal);

    private static string LastName(LinearSpec linear) => linear.Name[(linear.Name.LastIndexOf('.') + 1)..];

    private static ArgumentException Unknown(DecoderSpec spec, ImmutableArray<LinearSpec> all, string? name)
    {
        var known = all.Select(LastName).Distinct().Order(StringComparer.Ordinal).ToArray();
        var has = $"This model has {string.Join(", ", known)}, or {AllLinear} for all of them.";
        if (name is null)
        {
            return new ArgumentException($"lora_target_modules is empty. {has}");
        }

        var outside = spec.Tensors.Any(tensor => tensor.Name.EndsWith($"{name}.weight", StringComparison.Ordinal)) || $"{name}.weight" == spec.TiedHeadName;
        var near = EditDistance.Nearest(name, [.. known, AllLinear, Default]);
        return new ArgumentException(
            $"lora_target_modules names {name}, which is no projection of the model's layers.{(outside ? " Embeddings, norms and the head get no adapter." : near is null ? "" : $" Did you mean {near}?")} {has}");
    }
}
