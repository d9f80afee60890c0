using Google.Protobuf;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics.TensorBoard;

/// <summary>
/// TensorBoard's Event message, as far as scalars need it: wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5, session_log = 7
/// (status = 1, where START is 1). A summary is repeated values = 1, a value tag = 1 (string) and simple_value = 2 (float).
/// </summary>
internal static class EventMessage
{
    public static byte[] FileVersion(DateTimeOffset time) => Of(time, 0, to =>
    {
        to.WriteTag(3, WireFormat.WireType.LengthDelimited);
        to.WriteString("brain.Event:2");
    });

    /// <summary>Whatever was logged of this step and later ones, in earlier files, did not happen.</summary>
    public static byte[] Start(DateTimeOffset time, long step) => Of(time, step, to => Nested(to, 7, log =>
    {
        log.WriteTag(1, WireFormat.WireType.Varint);
        log.WriteEnum(1);
    }));

    public static byte[] Scalars(DateTimeOffset time, long step, IEnumerable<MetricSum> metrics, Func<string, string> tagOf) => Of(time, step, to => Nested(to, 5, summary =>
    {
        foreach (var metric in metrics)
        {
            Nested(summary, 1, value =>
            {
                value.WriteTag(1, WireFormat.WireType.LengthDelimited);
                value.WriteString(tagOf(metric.Name));
                value.WriteTag(2, WireFormat.WireType.Fixed32);
                value.WriteFloat((float)metric.Value);
            });
        }
    }));

    private static byte[] Of(DateTimeOffset time, long step, Action<CodedOutputStream> what) => Bytes(to =>
    {
        to.WriteTag(1, WireFormat.WireType.Fixed64);
        to.WriteDouble((time - DateTimeOffset.UnixEpoch).TotalSeconds);
        to.WriteTag(2, WireFormat.WireType.Varint);
        to.WriteInt64(step);
        what(to);
    });

    private static void Nested(CodedOutputStream to, int field, Action<CodedOutputStream> content)
    {
        to.WriteTag(field, WireFormat.WireType.LengthDelimited);
        to.WriteBytes(ByteString.CopyFrom(Bytes(content)));
    }

    private static byte[] Bytes(Action<CodedOutputStream> content)
    {
        using var memory = new MemoryStream();
        using (var to = new CodedOutputStream(memory, leaveOpen: true))
        {
            content(to);
        }

        return memory.ToArray();
    }
}
