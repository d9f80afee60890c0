using System.Globalization;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>The argument "attribute" of filters: a name, a place, or a path of them with dots.</summary>
internal static class Getter
{
    /// <param name="attribute">None for the item itself.</param>
    /// <param name="absent">What stands for an attribute that is not there; None for undefined.</param>
    public static Func<object?, object?> Of(object? attribute, object? absent = null)
    {
        if (attribute is null)
        {
            return item => item;
        }

        object?[] path = Ordering.AsText(attribute) is { } text
            ? [.. text.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) && long.TryParse(part, CultureInfo.InvariantCulture, out var place) ? place : (object)part)]
            : [attribute];
        return item =>
        {
            foreach (var part in path)
            {
                item = Attributes.Item(item, part);
                item = item is Undefined && absent is not null ? absent : item;
            }

            return item;
        };
    }
}
