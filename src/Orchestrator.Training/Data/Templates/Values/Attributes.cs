using Orchestrator.Training.Data.Templates.Library;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>A value whose attributes are its own affair, such as the loop variable.</summary>
internal interface IHasAttributes
{
    bool TryGet(string name, out object? value);
}

/// <summary>
/// target.name and target[key] as Jinja's sandbox resolves them: the one tries attributes, then items; the other items, then attributes.
/// What is not there is undefined. Attributes are a fixed list of harmless methods, so there is nothing to forbid.
/// </summary>
internal static class Attributes
{
    public static object? Attribute(object? target, string name)
    {
        if (target is Undefined undefined)
        {
            throw undefined.Failure();
        }

        if (TryAttribute(target, name, out var value) || (target is DictValue dict && dict.TryGet(name, out value)))
        {
            return value;
        }

        return new Undefined($"{Describe.Kind(target)} has no attribute '{name}'.");
    }

    public static object? Item(object? target, object? key)
    {
        if (target is Undefined undefined)
        {
            throw undefined.Failure();
        }

        if (TryItem(target, key, out var value) || (Ordering.AsText(key) is { } name && TryAttribute(target, name, out value)))
        {
            return value;
        }

        return new Undefined(Ordering.AsText(key) is { } missing
            ? $"{Describe.Kind(target)} has no key '{missing}'."
            : $"{Describe.Kind(target)} has no element {PythonText.Repr(key)}.");
    }

    private static bool TryItem(object? target, object? key, out object? value)
    {
        value = null;
        if (target is DictValue dict)
        {
            return key is null or bool or long or double or string or Markup && dict.TryGet(key, out value);
        }

        if (!Numbers.IsWhole(key))
        {
            return false;
        }

        var place = Numbers.Whole(key);
        if (Ordering.AsText(target) is { } text)
        {
            var count = CodePoints.Count(text);
            place += place < 0 ? count : 0;
            value = place >= 0 && place < count ? Operators.Slice(target, place, place + 1, null) : null;
            return value is not null;
        }

        if (target is not SequenceValue sequence || target is ViewValue)
        {
            return false;
        }

        place += place < 0 ? sequence.Items.Count : 0;
        var found = place >= 0 && place < sequence.Items.Count;
        value = found ? sequence.Items[(int)place] : null;
        return found;
    }

    private static bool TryAttribute(object? target, string name, out object? value)
    {
        switch (target)
        {
            case IHasAttributes own:
                return own.TryGet(name, out value);
            case NamespaceValue held:
                return held.Attributes.TryGetValue(name, out value);
            case TupleValue { IsGroup: true } group when name is "grouper" or "list":
                value = group.Items[name == "grouper" ? 0 : 1];
                return true;
            default:
                var method = Methods.Find(target, name);
                value = method is null ? null : new BoundMethod(target, name, method);
                return method is not null;
        }
    }
}
