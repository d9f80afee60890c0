using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <param name="IsShallow">It looks at a container's items, not into them.</param>
internal sealed record Filter(Builtin Builtin, bool IsShallow);

/// <summary>Jinja's filters: value | name(arguments). Those for web pages and random numbers are not here.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Filter> All = new(StringComparer.Ordinal);

    static Filters()
    {
        foreach (var (names, builtin) in TextFilters.All.Concat(NumberFilters.All).Concat(OrderFilters.All))
        {
            Add(names, builtin, isShallow: false);
        }

        foreach (var (names, builtin) in SequenceFilters.All.Concat(SelectFilters.All))
        {
            Add(names, builtin, isShallow: true);
        }

        Add("tojson", Json.Filter, isShallow: false);
        Add("default d", new Builtin("default_value boolean", Default), isShallow: true);
        Add("attr", new Builtin("name", call => call.Self is DictValue dict && Methods.Find(dict, call.Text(0)) is null
            ? new Undefined($"dict has no attribute '{call.Text(0)}'.")
            : Attributes.Attribute(call.Self, call.Text(0))), isShallow: true);
    }

    public static Filter? Find(string name) => All.GetValueOrDefault(name);

    private static void Add(string names, Builtin builtin, bool isShallow)
    {
        foreach (var name in names.Split(' '))
        {
            All[name] = new Filter(builtin, isShallow);
        }
    }

    private static object? Default(Invocation call) =>
        call.Self is Undefined || (call.Flag(1, false) && !Truth.Of(call.Self)) ? call.Value(0, "") : call.Self;
}
