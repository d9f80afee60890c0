using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Orchestrator.Training.Native;

namespace Orchestrator.Tests.Training.Native;

public sealed class OneFunctionLibraryTests
{
    private const string Function = "orchestrator_test_answer";
    private static readonly byte[] Image = OneFunctionLibrary.Build(Function, 42, "libanswer.so");

    [SkippableFact]
    public unsafe void The_systems_loader_takes_it_and_its_function_returns_the_value()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "the library is for Linux on x86-64");
        var library = GlobalLibrary.Load(Image, "answer");
        Assert.Equal(42, ((delegate* unmanaged<int>)NativeLibrary.GetExport(library, Function))());
        Assert.Equal(42, ((delegate* unmanaged<int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), Function))()); // found without a handle: global
    }

    [SkippableFact]
    public void A_file_that_is_no_library_is_refused_with_the_loaders_words()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "memory files are Linux's");
        var error = Assert.Throws<IOException>(() => GlobalLibrary.Load("no library"u8, "nothing"));
        Assert.StartsWith("dlopen: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_back_it_exports_the_function_under_its_name_with_the_code_that_returns_the_value()
    {
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1], Image[..6]);
        var dynamic = Dynamic();
        var symbol = (int)dynamic[6] + 24; // the symbol after the empty one
        Assert.Equal(Function, Name(dynamic[5] + Int32(symbol)));
        Assert.Equal("libanswer.so", Name(dynamic[5] + dynamic[14]));
        Assert.Equal(0x12, Image[symbol + 4]);
        var code = Image.AsSpan((int)Int64(symbol + 8), (int)Int64(symbol + 16));
        Assert.Equal([0xF3, 0x0F, 0x1E, 0xFA, 0xB8, 42, 0, 0, 0, 0xC3], code.ToArray());
    }

    [Fact]
    public void No_segment_may_be_written_and_executed_and_the_stack_is_not_executable()
    {
        const int Execute = 1, Write = 2;
        var flags = Segments().Select(segment => Int32(segment + 4)).ToArray();
        Assert.All(flags, flag => Assert.NotEqual(Execute | Write, flag & (Execute | Write)));
        Assert.Contains(Segments(), segment => Int32(segment) == 0x6474E551);
    }

    private static Dictionary<long, long> Dynamic()
    {
        var segment = Segments().Single(at => Int32(at) == 2);
        var at = (int)Int64(segment + 8);
        var entries = (int)Int64(segment + 32) / 16;
        return Enumerable.Range(0, entries).ToDictionary(i => Int64(at + (16 * i)), i => Int64(at + (16 * i) + 8));
    }

    private static IEnumerable<int> Segments() =>
        Enumerable.Range(0, BinaryPrimitives.ReadUInt16LittleEndian(Image.AsSpan(56))).Select(i => (int)Int64(32) + (56 * i));

    private static string Name(long at) => Encoding.ASCII.GetString(Image.AsSpan((int)at, Image.AsSpan((int)at).IndexOf((byte)0)));

    private static int Int32(int at) => BinaryPrimitives.ReadInt32LittleEndian(Image.AsSpan(at));

    private static long Int64(int at) => BinaryPrimitives.ReadInt64LittleEndian(Image.AsSpan(at));
}
