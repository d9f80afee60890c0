using System.Buffers.Binary;
using System.Text;

namespace Orchestrator.Training.Native;

/// <summary>
/// A shared object for Linux on x86-64 that exports one function without arguments, int name(void), which returns a constant: as much of an
/// ELF file as the system's loader asks for, so that no compiler is needed where the program runs.
/// </summary>
/// <remarks>
/// System V ABI, gABI chapters 4 and 5, AMD64 supplement. The first page is mapped to be read and executed: header, program headers, hash
/// table, symbols, names, code. The second may be written, since the loader puts addresses into the dynamic section.
/// </remarks>
internal static class OneFunctionLibrary
{
    private const int Page = 0x1000;
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int SymbolSize = 24;
    private const int HashAt = HeaderSize + (4 * ProgramHeaderSize);
    private const int SymbolsAt = HashAt + 24; // five words, and four bytes so that symbols start at a multiple of 8
    private const int NamesAt = SymbolsAt + (2 * SymbolSize);
    private const int DynamicSize = 7 * 16;
    private const int CodeSize = 10;

    /// <param name="function">The exported name, ASCII.</param>
    /// <param name="value">What the function returns.</param>
    /// <param name="soname">The name by which the loader knows the library.</param>
    public static byte[] Build(string function, int value, string soname)
    {
        var names = Encoding.ASCII.GetBytes($"\0{function}\0{soname}\0");
        var codeAt = (NamesAt + names.Length + 15) & ~15;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(codeAt + CodeSize, Page, nameof(function));
        var file = new byte[Page + DynamicSize];
        WriteHeader(file);
        WriteProgramHeaders(file, codeAt + CodeSize);
        WriteHash(file);
        WriteSymbol(file, codeAt);
        names.CopyTo(file, NamesAt);
        WriteCode(file.AsSpan(codeAt), value);
        WriteDynamic(file, names.Length, soname: function.Length + 2);
        return file;
    }

    private static void WriteHeader(byte[] file)
    {
        byte[] identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]; // 64 bits, little-endian, version 1
        identity.CopyTo(file, 0);
        Write16(file, 16, 3); // a shared object
        Write16(file, 18, 62); // x86-64
        Write32(file, 20, 1);
        Write64(file, 32, HeaderSize);
        Write16(file, 52, HeaderSize);
        Write16(file, 54, ProgramHeaderSize);
        Write16(file, 56, 4);
        Write16(file, 58, 64); // sections: none
    }

    private static void WriteProgramHeaders(byte[] file, int firstPage)
    {
        const int Load = 1, Dynamic = 2, Stack = 0x6474E551, Execute = 1, Write = 2, Read = 4;
        // Without a stack header the loader would ask for an executable stack, which newer systems refuse.
        (int Type, int Flags, int At, int Size, int Align)[] headers =
        [
            (Load, Read | Execute, 0, firstPage, Page),
            (Load, Read | Write, Page, DynamicSize, Page),
            (Dynamic, Read | Write, Page, DynamicSize, 8),
            (Stack, Read | Write, 0, 0, 16),
        ];
        for (var (i, at) = (0, HeaderSize); i < headers.Length; i++, at += ProgramHeaderSize)
        {
            Write32(file, at, headers[i].Type);
            Write32(file, at + 4, headers[i].Flags);
            int[] fields = [headers[i].At, headers[i].At, headers[i].At, headers[i].Size, headers[i].Size, headers[i].Align];
            for (var field = 0; field < fields.Length; field++)
            {
                Write64(file, at + 8 + (8 * field), fields[field]);
            }
        }
    }

    // One bucket, two symbols (the first is always empty), and a chain that ends at once.
    private static void WriteHash(byte[] file)
    {
        int[] words = [1, 2, 1, 0, 0];
        for (var i = 0; i < words.Length; i++)
        {
            Write32(file, HashAt + (4 * i), words[i]);
        }
    }

    private static void WriteSymbol(byte[] file, int codeAt)
    {
        const int At = SymbolsAt + SymbolSize;
        Write32(file, At, 1);
        file[At + 4] = 0x12; // global, function
        Write16(file, At + 6, 1); // any section but "undefined"
        Write64(file, At + 8, codeAt);
        Write64(file, At + 16, CodeSize);
    }

    // endbr64; mov eax, value; ret
    private static void WriteCode(Span<byte> code, int value)
    {
        ReadOnlySpan<byte> start = [0xF3, 0x0F, 0x1E, 0xFA, 0xB8];
        start.CopyTo(code);
        BinaryPrimitives.WriteInt32LittleEndian(code[5..], value);
        code[9] = 0xC3;
    }

    private static void WriteDynamic(byte[] file, int namesSize, int soname)
    {
        const int Hash = 4, Names = 5, Symbols = 6, NamesSize = 10, SymbolEntry = 11, Soname = 14, End = 0;
        (int Tag, int Value)[] entries =
            [(Soname, soname), (Hash, HashAt), (Names, NamesAt), (Symbols, SymbolsAt), (NamesSize, namesSize), (SymbolEntry, SymbolSize), (End, 0)];
        for (var i = 0; i < entries.Length; i++)
        {
            Write64(file, Page + (16 * i), entries[i].Tag);
            Write64(file, Page + (16 * i) + 8, entries[i].Value);
        }
    }

    private static void Write16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void Write32(byte[] file, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);

    private static void Write64(byte[] file, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(at), value);
}
