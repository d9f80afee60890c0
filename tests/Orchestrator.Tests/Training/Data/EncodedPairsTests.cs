using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

public sealed class EncodedPairsTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Rows_come_back_as_they_were_added_in_any_order()
    {
        WriteTwo();
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal((2, 2, 11L), (pairs.Count, pairs.CompletionsPerRow, pairs.TotalIds));
        Assert.Equal([7, 8], pairs[1].Prompt);
        Assert.Equal([9, 10], pairs[1].Chosen);
        Assert.Equal([11], pairs[1].Rejected);
        Assert.Equal([1, 2, 3], pairs[0].Prompt);
        Assert.Equal([4, 5], pairs[0].Chosen);
        Assert.Equal([6], pairs[0].Rejected);
        Assert.Equal((1, 40L), pairs.SourceOf(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => pairs.SourceOf(2));
    }

    [Fact]
    public void Rows_of_one_completion_have_no_rejected_answer()
    {
        using (var writer = new EncodedPairsWriter(_directory.Target, completionsPerRow: 1))
        {
            writer.Add([1], [2, 3], []);
            Assert.Throws<ArgumentException>(() => writer.Add([1], [2], [3]));
            writer.Commit();
        }

        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal((1, 1), (pairs.Count, pairs.CompletionsPerRow));
        Assert.True(pairs[0].Rejected.IsEmpty);
    }

    // 64 bytes of header, 11 ids of 4 bytes, 2 index entries of 32 bytes.
    [Fact]
    public void The_bytes_are_those_of_the_description()
    {
        WriteTwo();
        var bytes = File.ReadAllBytes(_directory.Target);
        Assert.Equal(64 + 44 + 64, bytes.Length);
        Assert.Equal("4F52435041495253" + "01000000" + "02000000" + "0200000000000000" + "0B00000000000000" + "AC00000000000000", Convert.ToHexString(bytes[..40]));
        Assert.Equal("010000000200000003000000" + "0400000005000000" + "06000000", Convert.ToHexString(bytes[64..88]));
        Assert.Equal("0600000000000000" + "02000000" + "02000000" + "01000000" + "01000000" + "2800000000000000", Convert.ToHexString(bytes[^32..]));
    }

    [Fact]
    public void A_writer_that_does_not_commit_leaves_nothing_and_spoils_nothing()
    {
        WriteTwo();
        var before = File.ReadAllBytes(_directory.Target);
        using (var writer = new EncodedPairsWriter(_directory.Target, 2))
        {
            writer.Add([1], [2], [3]);
        }

        Assert.Equal(before, File.ReadAllBytes(_directory.Target));
        Assert.Equal(["out.pairs"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(0, "no .pairs file")]
    [InlineData(10, "no .pairs file")]
    [InlineData(64, "damaged")]
    [InlineData(171, "damaged")]
    public void A_file_cut_short_is_refused(int length, string reason)
    {
        WriteTwo();
        File.WriteAllBytes(_directory.Target, File.ReadAllBytes(_directory.Target)[..length]);
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => EncodedPairs.Open(_directory.Target)).Message);
    }

    [Theory]
    [InlineData(0, "no .pairs file")]
    [InlineData(8, "version")]
    [InlineData(12, "damaged")]
    [InlineData(16, "damaged")]
    [InlineData(31, "damaged")]
    public void A_header_that_is_wrong_is_refused(int at, string reason)
    {
        WriteTwo();
        Flip(at);
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => EncodedPairs.Open(_directory.Target)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(11)]
    [InlineData(15)]
    [InlineData(19)]
    public void An_index_that_points_outside_the_ids_is_refused_when_the_row_is_read(int at)
    {
        WriteTwo();
        Flip(64 + 44 + 32 + at);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(3, pairs[0].Prompt.Length);
        Assert.Throws<InvalidDataException>(() => pairs[1].Prompt.Length);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.Contains("out.pairs does not exist", Assert.Throws<FileNotFoundException>(() => EncodedPairs.Open(_directory.Target)).Message);

    private void WriteTwo()
    {
        using var writer = new EncodedPairsWriter(_directory.Target, completionsPerRow: 2);
        writer.Add([1, 2, 3], [4, 5], [6], file: 0, line: 1);
        writer.Add([7, 8], [9, 10], [11], file: 1, line: 40);
        writer.Commit();
    }

    private void Flip(int at)
    {
        var bytes = File.ReadAllBytes(_directory.Target);
        bytes[at] ^= 0x55;
        File.WriteAllBytes(_directory.Target, bytes);
    }
}
