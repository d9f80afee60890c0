using System.Collections.Immutable;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>Counts outcomes, in file order, into a <see cref="DataReport"/>.</summary>
internal sealed class ReportBuilder(IReadOnlyList<string> files, DataOptions options)
{
    private const int ExamplesKept = 3;

    private readonly SortedDictionary<RowProblem, (long Count, List<ProblemExample> First)> _problems = [];
    private readonly SortedDictionary<string, long> _formats = new(StringComparer.Ordinal);
    private readonly LengthCounts _prompts = new(), _completions = new(), _sequences = new(), _rows = new();
    private readonly int[] _keptOfFile = new int[files.Count];
    private long _read, _prompt, _completion, _same, _toolsUnwritten, _cutPrompt, _cutCompletion;
    private int _kept, _desirable;

    public void Skip(RowOutcome outcome)
    {
        _read++;
        var kind = outcome.Problem!.Value;
        var (count, first) = _problems.GetValueOrDefault(kind, (0, []));
        if (first.Count < ExamplesKept)
        {
            first.Add(new ProblemExample(files[outcome.Source.File], outcome.Source.Line, outcome.Detail!, outcome.Source.RowGroup));
        }

        _problems[kind] = (count + 1, first);
    }

    public void Keep(RowOutcome outcome, EncodedRow row)
    {
        _read++;
        foreach (var part in row.Parts(options.Labels))
        {
            _kept++;
            _keptOfFile[outcome.Source.File]++;
            _desirable += part.Label == true ? 1 : 0;
        }

        _formats[outcome.Format!] = _formats.GetValueOrDefault(outcome.Format!) + 1;
        var whole = outcome.Whole!;
        _prompt += row.Prompt.Length < whole.Prompt.Length ? 1 : 0;
        _completion += (row.Chosen.Length < whole.Chosen.Length ? 1 : 0) + (row.Rejected.Length < whole.Rejected.Length ? 1 : 0);
        _cutPrompt += whole.Prompt.Length - row.Prompt.Length;
        _cutCompletion += whole.Chosen.Length - row.Chosen.Length + (whole.Rejected.Length - row.Rejected.Length);
        _same += row.Chosen.AsSpan().SequenceEqual(row.Rejected) ? 1 : 0;
        _toolsUnwritten += outcome.ToolsUnwritten ? 1 : 0;
        _prompts.Add(row.Prompt.Length);
        _rows.Add(row.Prompt.Length + row.Chosen.Length + row.Rejected.Length);
        foreach (var answer in row.Rejected.Length == 0 ? [row.Chosen] : new[] { row.Chosen, row.Rejected })
        {
            _completions.Add(answer.Length);
            _sequences.Add(row.Prompt.Length + answer.Length);
        }
    }

    public DataReport Build() => new()
    {
        Files = [.. files],
        RowsRead = _read,
        RowsKept = _kept,
        RowsKeptOfFile = [.. _keptOfFile],
        Desirable = options.Labels ? _desirable : null,
        CompletionsPerRow = options.CompletionsPerRow,
        Formats = _formats.ToImmutableSortedDictionary(StringComparer.Ordinal),
        Problems = [.. _problems.OrderByDescending(problem => problem.Value.Count).Select(problem => new ProblemCount(problem.Key, problem.Value.Count, [.. problem.Value.First]))],
        TruncatedPrompts = _prompt,
        CutPromptTokens = _cutPrompt,
        TruncatedCompletions = _completion,
        CutCompletionTokens = _cutCompletion,
        SameAfterTruncation = _same,
        ToolsUnwritten = _toolsUnwritten,
        PromptTokens = _prompts.Summarize(),
        CompletionTokens = _completions.Summarize(),
        SequenceTokens = _sequences.Summarize(),
        RowTokens = _rows.Summarize(),
    };
}
