using Parquet.Meta;

namespace Orchestrator.Training.Data.Rows;

internal enum ParquetShape
{
    Value,
    Struct,
    List,
}

/// <summary>
/// One field of a Parquet schema with its levels, as the format defines them (Dremel: Melnik et al. 2010, "Dremel: interactive analysis of
/// web-scale datasets"): a leaf's entry at a place of definition level d is present in every node whose level is d or less.
/// </summary>
/// <param name="Definition">From this definition level on the value, struct or list is there; below it is null.</param>
/// <param name="FirstLeaf">Place among the file's leaves of the first one below this node.</param>
/// <param name="Leaves">Leaves below this node, itself counted where it is one.</param>
internal sealed record ParquetNode(string Name, ParquetShape Shape, int Definition, int FirstLeaf, int Leaves)
{
    /// <summary>A struct's fields; a list's one element.</summary>
    public IReadOnlyList<ParquetNode> Children { get; init; } = [];

    /// <summary>Of a list: from this definition level on it has an element; below, it is empty.</summary>
    public int ElementDefinition { get; init; }

    /// <summary>Of a list: an entry of this repetition level begins its next element.</summary>
    public int Repetition { get; init; }

    /// <param name="schema">The file's, depth first; the root comes first.</param>
    public static IReadOnlyList<ParquetNode> Fields(IReadOnlyList<SchemaElement> schema)
    {
        var reader = new SchemaReader(schema);
        return reader.Children(schema[0], 0, 0);
    }

    private sealed class SchemaReader(IReadOnlyList<SchemaElement> schema)
    {
        private int _next = 1;
        private int _leaves;

        public ParquetNode[] Children(SchemaElement parent, int definition, int repetition)
        {
            var children = new ParquetNode[parent.NumChildren ?? 0];
            for (var at = 0; at < children.Length; at++)
            {
                children[at] = Read(definition, repetition);
            }

            return children;
        }

        private ParquetNode Read(int definition, int repetition)
        {
            var element = schema[_next++];
            if (element.RepetitionType == FieldRepetitionType.REPEATED)
            {
                return List(element.Name, definition, repetition, (inner, depth) => Body(element, inner, depth));
            }

            definition += element.RepetitionType == FieldRepetitionType.OPTIONAL ? 1 : 0;
            var isList = element.ConvertedType == ConvertedType.LIST || element.LogicalType?.LIST is not null;
            return isList && element.NumChildren == 1 && schema[_next].RepetitionType == FieldRepetitionType.REPEATED
                ? List(element.Name, definition, repetition, (inner, depth) => Element(element, inner, depth))
                : Body(element, definition, repetition);
        }

        private ParquetNode List(string name, int definition, int repetition, Func<int, int, ParquetNode> read)
        {
            var (first, element) = (_leaves, read(definition + 1, repetition + 1));
            return new ParquetNode(name, ParquetShape.List, definition, first, _leaves - first)
            {
                Children = [element],
                ElementDefinition = definition + 1,
                Repetition = repetition + 1,
            };
        }

        // A list's repeated group usually wraps its element; files of old writers repeat the element itself.
        private ParquetNode Element(SchemaElement list, int definition, int repetition)
        {
            var repeated = schema[_next++];
            var wraps = repeated.NumChildren == 1 && repeated.Name != "array" && repeated.Name != $"{list.Name}_tuple";
            return wraps ? Read(definition, repetition) : Body(repeated, definition, repetition);
        }

        private ParquetNode Body(SchemaElement element, int definition, int repetition)
        {
            var first = _leaves;
            if (element.NumChildren is not > 0)
            {
                _leaves++;
                return new ParquetNode(element.Name, ParquetShape.Value, definition, first, 1);
            }

            var children = Children(element, definition, repetition);
            return new ParquetNode(element.Name, ParquetShape.Struct, definition, first, _leaves - first) { Children = children };
        }
    }
}
