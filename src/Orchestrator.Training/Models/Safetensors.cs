using System.Collections.Immutable;
using System.IO.MemoryMappedFiles;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Dtype">As the file names it: F32, BF16, F16, F64, I64, I32, I16, I8, U8, BOOL.</param>
/// <param name="Offset">From the start of the file, in bytes.</param>
public sealed record TensorEntry(string Name, string Dtype, ImmutableArray<long> Shape, long Offset, long Bytes)
{
    public ScalarType Type => Safetensors.TypeOf(Dtype);

    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}

/// <summary>
/// Reads one safetensors file by memory map: opening a file of any size takes no memory, and a tensor's bytes are read when they are used.
/// Layout: 8 bytes header length, JSON header, tensor bytes (huggingface/safetensors format description).
/// </summary>
public sealed class Safetensors : IDisposable
{
    private const int MaxHeader = 100_000_000;

    private static readonly Dictionary<string, (ScalarType Type, int Size)> Types = new(StringComparer.Ordinal)
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly nint _start;

    private unsafe Safetensors(string path, MemoryMappedFile file, long length)
    {
        Path = path;
        _file = file;
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _start = (nint)(pointer + _view.PointerOffset);
        (Entries, Metadata) = ReadHeader(path, length, new ReadOnlySpan<byte>((void*)_start, (int)Math.Min(length, MaxHeader + 8L)));
    }

    public string Path { get; }

    /// <summary>By name.</summary>
    public ImmutableSortedDictionary<string, TensorEntry> Entries { get; }

    public ImmutableSortedDictionary<string, string> Metadata { get; }

    /// <exception cref="InvalidDataException">The file is not a whole, well-formed safetensors file; says what is wrong with it.</exception>
    public static Safetensors Open(string path)
    {
        var length = new FileInfo(path).Length;
        if (length < 8)
        {
            throw Broken(path, $"it has {length} bytes, too few for a header");
        }

        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        try
        {
            return new Safetensors(path, file, length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor itself, over the mapping: read only, and valid until this file is disposed.</summary>
    public Tensor View(string name)
    {
        var entry = Entries[name];
        var address = _start + (nint)entry.Offset;
        if (address % SizeOf(entry.Dtype) == 0)
        {
            return NativeTensor.Over(address, entry.Type, entry.Shape.AsSpan());
        }

        // A foreign file whose data is not aligned to its type: read it byte by byte once.
        var copy = empty(entry.Shape.ToArray(), entry.Type);
        unsafe
        {
            new ReadOnlySpan<byte>((void*)address, checked((int)entry.Bytes)).CopyTo(copy.bytes);
        }

        return copy;
    }

    /// <summary>Copies a tensor's bytes as they are.</summary>
    public void CopyBytes(TensorEntry entry, Stream target)
    {
        const int Chunk = 1 << 24;
        for (long done = 0; done < entry.Bytes; done += Chunk)
        {
            unsafe
            {
                target.Write(new ReadOnlySpan<byte>((void*)(_start + (nint)(entry.Offset + done)), (int)Math.Min(Chunk, entry.Bytes - done)));
            }
        }
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    internal static ScalarType TypeOf(string dtype) => Types[dtype].Type;

    internal static int SizeOf(string dtype) => Types[dtype].Size;

    internal static string DtypeOf(ScalarType type) => Types.First(pair => pair.Value.Type == type).Key;

    private static (ImmutableSortedDictionary<string, TensorEntry> Entries, ImmutableSortedDictionary<string, string> Metadata) ReadHeader(
        string path, long length, ReadOnlySpan<byte> start)
    {
        var size = BitConverter.ToInt64(start);
        if (size < 2 || size > MaxHeader || size > length - 8)
        {
            throw Broken(path, $"its header claims {size} bytes in a file of {length}");
        }

        JsonDocument header;
        try
        {
            header = JsonDocument.Parse(start.Slice(8, (int)size).ToArray());
        }
        catch (JsonException error)
        {
            throw Broken(path, $"its header is not JSON ({error.Message})");
        }

        using (header)
        {
            var entries = ImmutableSortedDictionary.CreateBuilder<string, TensorEntry>(StringComparer.Ordinal);
            var metadata = ImmutableSortedDictionary<string, string>.Empty;
            foreach (var property in header.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    metadata = property.Value.EnumerateObject().ToImmutableSortedDictionary(p => p.Name, p => p.Value.ToString(), StringComparer.Ordinal);
                }
                else
                {
                    entries[property.Name] = ReadEntry(path, property, 8 + size, length);
                }
            }

            return (entries.ToImmutable(), metadata);
        }
    }

    private static TensorEntry ReadEntry(string path, JsonProperty property, long dataStart, long length)
    {
        try
        {
            var dtype = property.Value.GetProperty("dtype").GetString()!;
            if (!Types.TryGetValue(dtype, out var type))
            {
                throw Broken(path, $"tensor {property.Name} has dtype {dtype}, which is not supported (supported: {string.Join(", ", Types.Keys)})");
            }

            ImmutableArray<long> shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())];
            var offsets = property.Value.GetProperty("data_offsets");
            var (begin, end) = (offsets[0].GetInt64(), offsets[1].GetInt64());
            var bytes = shape.Aggregate((long)type.Size, (product, dimension) => checked(product * dimension));
            if (begin < 0 || end - begin != bytes || shape.Any(dimension => dimension < 0))
            {
                throw Broken(path, $"tensor {property.Name} of shape [{string.Join(", ", shape)}] and dtype {dtype} needs {bytes} bytes, and its data_offsets [{begin}, {end}] hold {end - begin}");
            }

            if (end > length - dataStart)
            {
                throw Broken(path, $"it is cut short: tensor {property.Name} ends at byte {dataStart + end}, and the file has {length}");
            }

            return new TensorEntry(property.Name, dtype, shape, dataStart + begin, bytes);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException or OverflowException)
        {
            throw Broken(path, $"the header of tensor {property.Name} is not as it must be ({error.Message})");
        }
    }

    private static InvalidDataException Broken(string path, string what) =>
        new($"{path} cannot be read as safetensors: {what}. Copy or download the file again.");
}
