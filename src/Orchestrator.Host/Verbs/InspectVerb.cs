using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;
using Spectre.Console;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator inspect`: one row as the trainer sees it.</summary>
public static class InspectVerb
{
    public static Command Command()
    {
        var model = new Option<string>("--model") { Required = true, Description = "A folder in Hugging Face layout: its tokenizer is used." };
        var adapter = VerbOptions.Adapter();
        var data = new Option<string>("--data") { Required = true, Description = "A file of pairs: .jsonl, .json (also .gz) or .parquet." };
        var row = new Option<long>("--row") { Required = true, Description = "Counted from 0." };
        var set = new Option<string[]>("--set") { Description = "key=value of the section data, for example max_length=128." };
        var json = VerbOptions.Json();
        var command = new Command("inspect", "Show one row as the trainer sees it: tokens, ids, what counts, what was truncated.") { model, adapter, data, row, set, json };
        command.SetAction(parsed =>
        {
            var view = Read(VerbSettings.Of(parsed.GetRequiredValue(model), null, parsed.GetRequiredValue(data), [.. VerbSettings.Adapter(parsed.GetValue(adapter)), .. parsed.GetValue(set) ?? []]), parsed.GetValue(row));
            if (parsed.GetValue(json))
            {
                Console.WriteLine(Json(view));
            }
            else
            {
                Show(Screens.Out, view);
            }

            return ExitCode.Done;
        });
        return command;
    }

    public static RowView Read(Settings settings, long row)
    {
        var model = settings.Of(ModelKeys.Path);
        var source = TextSource.Load(model, settings.Of(DataKeys.ChatTemplate));
        var options = Mapping.Data(settings, Family.Describe(ModelConfig.Load(model)).Vocabulary);
        return RowView.Read(options, Mapping.TrainPaths(settings), source.Tokenizer, source.Chat, row);
    }

    /// <summary>Prompt grey, tokens that count green or red, what truncation takes struck through.</summary>
    public static void Show(IAnsiConsole console, RowView view)
    {
        console.WriteLine($"{view.File}, {view.Place}: row {view.Row}, format {view.Format ?? "unknown"}");
        if (view.Problem is { } problem)
        {
            console.MarkupLineInterpolated($"[yellow]Training skips it: {RowProblems.NameOf(problem)}: {view.Detail ?? ""}[/]");
        }

        Part(console, "prompt", "grey", view.Tokens.Prompt);
        Part(console, "chosen", "green", view.Tokens.Chosen);
        Part(console, "rejected", "red", view.Tokens.Rejected);
    }

    public static string Json(RowView view)
    {
        static object Part(ImmutableArray<TokenView> tokens) => new
        {
            ids = tokens.Select(token => token.Id),
            tokens = tokens.Select(token => token.Text),
            counted = tokens.Select(token => token.Counted ? 1 : 0),
            kept = tokens.Select(token => token.Kept ? 1 : 0),
        };
        return JsonSerializer.Serialize(
            new
            {
                row = view.Row,
                file = view.File,
                line = view.Line,
                format = view.Format,
                problem = view.Problem is { } problem ? RowProblems.NameOf(problem) : null,
                detail = view.Detail,
                prompt = Part(view.Tokens.Prompt),
                chosen = Part(view.Tokens.Chosen),
                rejected = Part(view.Tokens.Rejected),
            },
            VerbOptions.JsonStyle);
    }

    private static void Part(IAnsiConsole console, string name, string colour, ImmutableArray<TokenView> tokens)
    {
        if (tokens.Length == 0)
        {
            return;
        }

        var cut = tokens.Count(token => !token.Kept);
        console.MarkupLineInterpolated($"[bold]{name}[/]: {tokens.Length} tokens{(cut > 0 ? $", {cut} of them cut off" : "")}, {tokens.Count(token => token.Counted && token.Kept)} counted");
        console.MarkupLine(string.Join('|', tokens.Select(token => $"[{(token.Kept ? colour : "strikethrough dim")}]{Markup.Escape(Visible(token.Text))}[/]")));
        console.WriteLine(string.Join(' ', tokens.Select(token => token.Kept ? $"{token.Id}" : $"({token.Id})")));
    }

    private static string Visible(string text) => text.Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal);
}
