using System.Globalization;
using System.Text;
using System.Text.Json;
using Parquet.Data;
using Parquet.Schema;

namespace Orchestrator.Training.Data.Rows;

/// <summary>One leaf of a row group: its entries from first to last, each with its levels, and those values that are not null.</summary>
internal sealed class ParquetColumn : IDisposable
{
    private readonly RawColumnData _data;
    private readonly Action<Utf8JsonWriter, int> _write;
    private readonly int[]? _definitions, _repetitions;
    private readonly int _entries;
    private int _entry, _value;

    /// <param name="rows">Of the row group: without repetition every row has one entry.</param>
    public ParquetColumn(DataField field, RawColumnData data, int rows)
    {
        (Name, _data, _write) = (field.Path.ToString(), data, Writer(data));
        _definitions = field.MaxDefinitionLevel > 0 ? data.DefinitionLevels.ToArray() : null;
        _repetitions = field.MaxRepetitionLevel > 0 ? data.RepetitionLevels.ToArray() : null;
        _entries = _repetitions?.Length ?? _definitions?.Length ?? rows;
    }

    public string Name { get; }

    public bool AtEnd => _entry >= _entries;

    /// <summary>Of the current entry.</summary>
    public int Definition => AtEnd ? throw new InvalidDataException("has fewer entries than the row group has rows") : _definitions?[_entry] ?? 0;

    /// <summary>Of the current entry; -1 behind the last.</summary>
    public int Repetition => AtEnd ? -1 : _repetitions?[_entry] ?? 0;

    public void Skip() => _entry++;

    /// <summary>The current entry, which is not null.</summary>
    public void Write(Utf8JsonWriter json)
    {
        _write(json, _value++);
        _entry++;
    }

    public void Dispose() => _data.Dispose();

    private static Action<Utf8JsonWriter, int> Writer(RawColumnData data) => data switch
    {
        RawColumnData<ReadOnlyMemory<char>> text => (json, at) => json.WriteStringValue(text.Values[at].Span),
        RawColumnData<ReadOnlyMemory<byte>> bytes => (json, at) => json.WriteStringValue(Encoding.UTF8.GetString(bytes.Values[at].Span)),
        RawColumnData<bool> flags => (json, at) => json.WriteBooleanValue(flags.Values[at]),
        RawColumnData<sbyte> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<byte> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<short> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<ushort> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<int> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<uint> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<long> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<ulong> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<float> numbers => (json, at) => Real(json, numbers.Values[at]),
        RawColumnData<double> numbers => (json, at) => Real(json, numbers.Values[at]),
        RawColumnData<decimal> numbers => (json, at) => json.WriteNumberValue(numbers.Values[at]),
        RawColumnData<DateTime> times => (json, at) => json.WriteStringValue(times.Values[at]),
        RawColumnData<DateOnly> days => (json, at) => json.WriteStringValue(days.Values[at].ToString("o", CultureInfo.InvariantCulture)),
        RawColumnData<Guid> ids => (json, at) => json.WriteStringValue(ids.Values[at]),
        _ => (json, _) => json.WriteNullValue(),
    };

    // JSON has no infinities and no NaN, which data frames write for "nothing".
    private static void Real(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
