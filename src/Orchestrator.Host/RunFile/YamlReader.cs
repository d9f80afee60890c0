using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Orchestrator.Host.RunFile;

/// <summary>Reads the plain part of YAML, which is all a run file needs: maps, lists and scalars, with their lines.</summary>
public static class YamlReader
{
    /// <param name="source">Names the text in messages.</param>
    /// <param name="inFile">False where the text is an option of the command line, whose lines mean nothing.</param>
    /// <returns>The document's value; an empty map where the text holds none.</returns>
    /// <exception cref="RunFileException">The text is not YAML, or uses anchors, aliases or several documents.</exception>
    public static YamlValue Read(string text, string source, bool inFile = true)
    {
        Place At(Mark mark) => new(source, inFile ? (int)mark.Line : 0);
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
            {
                return new YamlValue(new Place(source, inFile ? 1 : 0), YamlShape.Map);
            }

            var value = ReadValue(parser, At);
            parser.Consume<DocumentEnd>();
            return parser.TryConsume<DocumentStart>(out var second)
                ? throw new RunFileException([new Problem(At(second.Start), "a second document begins here, and a run file is one.")])
                : value;
        }
        catch (YamlException error)
        {
            var said = error.InnerException?.Message ?? error.Message;
            throw new RunFileException([new Problem(At(error.Start), $"this is not YAML: {said.TrimEnd('.')}.")]);
        }
    }

    private static YamlValue ReadValue(Parser parser, Func<Mark, Place> at)
    {
        if (parser.TryConsume<Scalar>(out var scalar))
        {
            return new YamlValue(at(scalar.Start), YamlShape.Scalar) { Text = scalar.Value, Quoted = scalar.Style is not ScalarStyle.Plain };
        }

        if (parser.TryConsume<SequenceStart>(out var list))
        {
            var items = ImmutableArray.CreateBuilder<YamlValue>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadValue(parser, at));
            }

            return new YamlValue(at(list.Start), YamlShape.List) { Items = items.ToImmutable() };
        }

        if (parser.TryConsume<MappingStart>(out var map))
        {
            var entries = ImmutableArray.CreateBuilder<(YamlValue, YamlValue)>();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                entries.Add((ReadValue(parser, at), ReadValue(parser, at)));
            }

            return new YamlValue(at(map.Start), YamlShape.Map) { Entries = entries.ToImmutable() };
        }

        var mark = parser.Current?.Start ?? Mark.Empty;
        throw new RunFileException([new Problem(at(mark), "anchors and aliases are not used in run files: write the value out.")]);
    }
}
