namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Ids that stand before and after the ids of a text.</summary>
internal sealed record SpecialTokenFrame(int[] Before, int[] After)
{
    public static SpecialTokenFrame None { get; } = new([], []);

    public SpecialTokenFrame Inside(SpecialTokenFrame outer) => new([.. outer.Before, .. Before], [.. After, .. outer.After]);
}

/// <summary>The post-processors a tokenizer.json may name: one row each.</summary>
internal static class PostProcessors
{
    private static readonly Dictionary<string, Func<TokenizerSection, SpecialTokenFrame>> Known = new(StringComparer.Ordinal)
    {
        ["ByteLevel"] = section => NoTokens(section.Without("add_prefix_space", "trim_offsets", "use_regex")),
        ["TemplateProcessing"] = Template,
        ["Sequence"] = section => section.Sections("processors").Select(Read).Aggregate(SpecialTokenFrame.None, (inner, outer) => inner.Inside(outer)),
    };

    public static SpecialTokenFrame Read(TokenizerSection section)
    {
        if (!Known.TryGetValue(section.Type, out var build))
        {
            throw section.Unknown("post-processor", Known.Keys);
        }

        var frame = build(section);
        section.Done();
        return frame;
    }

    private static SpecialTokenFrame NoTokens(TokenizerSection _) => SpecialTokenFrame.None;

    // "pair" frames two texts at once, which nothing here encodes.
    private static SpecialTokenFrame Template(TokenizerSection section)
    {
        section.Without("pair");
        var ids = section.Properties("special_tokens").ToDictionary(token => token.Name, token => Ids(section, token.Value), StringComparer.Ordinal);
        var (before, after, texts) = (new List<int>(), new List<int>(), 0);
        foreach (var item in section.Sections("single"))
        {
            if (item.Has("Sequence"))
            {
                texts++;
            }
            else if (item.Section("SpecialToken").Text("id") is var name && ids.TryGetValue(name, out var special))
            {
                (texts == 0 ? before : after).AddRange(special);
            }
            else
            {
                throw item.Wrong("SpecialToken", $"a token that {section.Where}.special_tokens lists");
            }
        }

        return texts == 1 ? new([.. before], [.. after]) : throw section.Wrong("single", "a template that holds the text once");
    }

    private static int[] Ids(TokenizerSection section, System.Text.Json.JsonElement token) =>
        token.ValueKind == System.Text.Json.JsonValueKind.Object && token.TryGetProperty("ids", out var ids)
            ? [.. ids.EnumerateArray().Select(id => id.GetInt32())]
            : throw section.Wrong("special_tokens", "a list of ids for every token");
}
