using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Orchestrator.Training.Models;

/// <summary>Writes one safetensors file: names in ordinal order, header padded with spaces to a multiple of 8 bytes, data without gaps.</summary>
public static class SafetensorsWriter
{
    /// <summary>A tensor to be written: what the header says of it, and who writes its bytes.</summary>
    public sealed record Item(string Name, string Dtype, ImmutableArray<long> Shape, Action<Stream> Write)
    {
        public long Bytes => Shape.Aggregate((long)Safetensors.SizeOf(Dtype), (product, dimension) => checked(product * dimension));
    }

    /// <summary>The file is complete and synced to disk when this returns; it appears under its name only then.</summary>
    /// <exception cref="IOException">The disk is full, read-only or gone; nothing is left under <paramref name="path"/> that was not there before.</exception>
    public static void Write(string path, IEnumerable<Item> items, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = items.OrderBy(item => item.Name, StringComparer.Ordinal).ToArray();
        var header = Header(ordered, metadata ?? ImmutableDictionary<string, string>.Empty);
        var beside = path + ".tmp";
        try
        {
            using (var stream = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                stream.Write(BitConverter.GetBytes((long)header.Length));
                stream.Write(header);
                foreach (var item in ordered)
                {
                    var start = stream.Position;
                    item.Write(stream);
                    if (stream.Position - start != item.Bytes)
                    {
                        throw new InvalidOperationException($"Tensor {item.Name} wrote {stream.Position - start} bytes instead of {item.Bytes}.");
                    }
                }

                stream.Flush(flushToDisk: true);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }

    private static byte[] Header(Item[] items, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var item in items)
            {
                json.WriteStartObject(item.Name);
                json.WriteString("dtype", item.Dtype);
                WriteArray(json, "shape", item.Shape);
                WriteArray(json, "data_offsets", [offset, offset += item.Bytes]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        var padding = (8 - (int)(buffer.Length % 8)) % 8;
        buffer.Write(Encoding.ASCII.GetBytes(new string(' ', padding)));
        return buffer.ToArray();
    }

    private static void WriteArray(Utf8JsonWriter json, string name, ImmutableArray<long> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
