using System.Buffers.Binary;
using Google.Protobuf;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Metrics.TensorBoard;

namespace Orchestrator.Tests.Host.Metrics;

/// <summary>Event files, read back from the bytes by the format's description alone.</summary>
public sealed class TensorBoardFileTests : IDisposable
{
    private static readonly DateTimeOffset Time = DateTimeOffset.UnixEpoch.AddSeconds(1.5);
    private readonly string _folder = Directory.CreateTempSubdirectory("tensorboard-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_checksum_is_the_standards() => Assert.Equal(0xE3069283, RecordFile.Crc32C("123456789"u8));

    [Fact]
    public void Steps_and_evaluations_come_back_with_their_tags_and_values()
    {
        using (var file = new TensorBoardFile(_folder, 0, TimeProvider.System))
        {
            file.Write(new MetricsEntry(3, "", Time, RunEvents.Metrics(0.5)));
            file.Write(new MetricsEntry(3, "eval_", Time, [new("loss", 2, 4)]));
            file.Write(new MetricsEntry(3, "eval_helpful_", Time, [new("rewards/accuracies", double.NaN, 1)]));
        }

        var events = Read();
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.Equal(
            ["1.5 3: train/loss=0.5 train/rewards/accuracies=0.75 train/rewards/margins=0.05 train/num_tokens=100", "1.5 3: eval/loss=0.5", "1.5 3: eval/helpful_rewards/accuracies=NaN"],
            events.Skip(1).Select(e => e.Text));
    }

    [Fact]
    public void A_resumed_run_takes_back_what_an_earlier_file_says_of_later_steps()
    {
        using (new TensorBoardFile(_folder, 40, TimeProvider.System))
        {
        }

        Assert.Equal((41, 1), (Read()[1].Step, Read()[1].Session));
    }

    private List<Event> Read()
    {
        var bytes = File.ReadAllBytes(Assert.Single(Directory.GetFiles(_folder, "events.out.tfevents.*")));
        var events = new List<Event>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(Unmask(bytes, at + 8), SlowCrc(bytes.AsSpan(at, 8)));
            Assert.Equal(Unmask(bytes, at + 12 + length), SlowCrc(bytes.AsSpan(at + 12, length)));
            events.Add(Event.Parse(bytes[(at + 12)..(at + 12 + length)]));
            at += 16 + length;
        }

        return events;
    }

    private static uint Unmask(byte[] bytes, int at)
    {
        var rotated = unchecked(BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) - 0xA282EAD8u);
        return (rotated >> 17) | (rotated << 15);
    }

    // Bit by bit, reflected polynomial 82F63B78.
    private static uint SlowCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }

    private sealed record Event(double Time, long Step, string Version, int Session, List<(string Tag, float Value)> Scalars)
    {
        public string Text => FormattableString.Invariant($"{Time} {Step}: {string.Join(' ', Scalars.Select(s => FormattableString.Invariant($"{s.Tag}={s.Value}")))}");

        public static Event Parse(byte[] bytes)
        {
            var read = new Event(0, 0, "", 0, []);
            var from = new CodedInputStream(bytes);
            while (from.ReadTag() is not 0 and var tag)
            {
                read = (tag >> 3) switch
                {
                    1 => read with { Time = from.ReadDouble() },
                    2 => read with { Step = from.ReadInt64() },
                    3 => read with { Version = from.ReadString() },
                    5 => read with { Scalars = [.. ParseSummary(from.ReadBytes().ToByteArray())] },
                    7 => read with { Session = from.ReadBytes().ToByteArray()[1] },
                    var other => throw new InvalidDataException($"field {other}"),
                };
            }

            return read;
        }

        private static IEnumerable<(string, float)> ParseSummary(byte[] bytes)
        {
            var from = new CodedInputStream(bytes);
            while (from.ReadTag() != 0)
            {
                var value = new CodedInputStream(from.ReadBytes().ToByteArray());
                Assert.Equal(10u, value.ReadTag());
                var name = value.ReadString();
                Assert.Equal(21u, value.ReadTag());
                yield return (name, value.ReadFloat());
            }
        }
    }
}
