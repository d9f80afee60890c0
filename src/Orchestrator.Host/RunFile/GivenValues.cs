namespace Orchestrator.Host.RunFile;

/// <summary>What was written, key by key, before it is known whether it fits; and what could not be understood at all.</summary>
internal sealed class GivenValues
{
    public Dictionary<Key, (YamlValue Value, string Folder)> Values { get; } = [];

    public List<Problem> Problems { get; } = [];

    public void AddFile(YamlValue root, string folder)
    {
        if (root.IsNull)
        {
            return;
        }

        if (root.Shape != YamlShape.Map)
        {
            Problems.Add(new Problem(root.Place, $"the file is {root}. Needed are lines of the form \"key: value\", in sections {string.Join(", ", Keys.Sections)}."));
            return;
        }

        var written = Written(root);
        AddBatch(root, written, folder);
        foreach (var (name, value) in root.Entries)
        {
            if (ForeignBatch.Owns(name.Text) || ForeignNames.MayStay(name.Text, value, written))
            {
                continue;
            }

            if (Keys.Sections.Contains(name.Text) && value.Shape == YamlShape.Map)
            {
                AddSection(name.Text, value, folder);
            }
            else
            {
                Add(name, value, null, folder);
            }
        }
    }

    /// <param name="option">key=value; the value as YAML has it.</param>
    public void AddOption(string option, string folder)
    {
        var at = option.IndexOf('=', StringComparison.Ordinal);
        var place = new Place($"--set {option}");
        if (at <= 0)
        {
            Problems.Add(new Problem(place, "needed is key=value, for example --set beta=0.2."));
            return;
        }

        try
        {
            var value = YamlReader.Read(option[(at + 1)..], place.Source, inFile: false);
            value = value is { Shape: YamlShape.Map, Entries.Length: 0 } && !option.EndsWith('}') ? new YamlValue(place, YamlShape.Scalar) : value;
            var name = new YamlValue(place, YamlShape.Scalar) { Text = option[..at].Trim() };
            if (Locate(name, null) is { } key)
            {
                Values[key] = (value, folder);
            }
        }
        catch (RunFileException error)
        {
            Problems.AddRange(error.Problems);
        }
    }

    /// <summary>What the file says of each key of ours, at the key's place.</summary>
    private static Dictionary<Key, YamlValue> Written(YamlValue root)
    {
        var written = new Dictionary<Key, YamlValue>();
        foreach (var (name, value) in root.Entries.SelectMany(entry => Keys.Sections.Contains(entry.Key.Text) && entry.Value.Shape == YamlShape.Map ? [.. entry.Value.Entries] : new[] { entry }))
        {
            if (Keys.Find(name.Text) is { } key)
            {
                written.TryAdd(key, value with { Place = name.Place });
            }
        }

        return written;
    }

    private void AddBatch(YamlValue root, Dictionary<Key, YamlValue> written, string folder)
    {
        var (values, problems) = ForeignBatch.Read(root, written);
        Problems.AddRange(problems);
        foreach (var (key, value) in values)
        {
            Values[key] = (value, folder);
        }
    }

    private void AddSection(string section, YamlValue map, string folder)
    {
        foreach (var (name, value) in map.Entries)
        {
            Add(name, value, section, folder);
        }
    }

    private void Add(YamlValue name, YamlValue value, string? section, string folder)
    {
        if (Locate(name, section) is not { } key)
        {
            return;
        }

        if (Values.TryGetValue(key, out var before))
        {
            Problems.Add(new Problem(name.Place, $"{key.Dotted} stands here and in line {before.Value.Place.Line}. Keep one of them."));
            return;
        }

        // A value's own line may be a later one; the key's is where a person looks.
        Values[key] = (value with { Place = name.Place }, folder);
    }

    private Key? Locate(YamlValue name, string? section)
    {
        var key = Keys.Find(name.Text);
        if (key is not null && (section is null || key.Section == section))
        {
            return key;
        }

        var written = section is null ? name.Text : $"{section}.{name.Text}";
        Problems.Add(new Problem(name.Place, key is null ? Unknown(name.Text, written, section) : $"{written} is not a key: {key.Name} belongs to section {key.Section}."));
        return null;
    }

    private static string Unknown(string name, string written, string? section)
    {
        if (section is null && Keys.Sections.Contains(name))
        {
            return $"{name} is a section, and its keys belong below it, indented: {string.Join(", ", Keys.All.Where(key => key.Section == name).Select(key => key.Name).Take(4))} ...";
        }

        var hint = ForeignNames.HintFor(name)
            ?? (Keys.Nearest(name, section) is { } near ? $"Did you mean {near}?" : "All keys: orchestrator keys.");
        return $"{written} is not a key. {hint}";
    }
}
