using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Lets TorchSharp's native library load where libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04). One symbol of the file asks for
/// version GLIBCXX_3.4.32: std::ios_base_library_init(), which starts the standard streams. Older libraries do the same job in
/// std::ios_base::Init::Init(), present in newer ones too. The output's copy is edited: that symbol takes the older name, without a version,
/// and the version itself becomes weak, so that the loader no longer insists on it.
/// </summary>
public sealed class RepairTorchShim : Task
{
    private const string Wanted = "_ZSt21ios_base_library_initv";
    private const string Older = "_ZNSt8ios_base4InitC1Ev";
    private const string Version = "GLIBCXX_3.4.32";
    private const int WeakFlag = 2;
    private const int Unversioned = 1;

    [Required]
    public string File { get; set; }

    public override bool Execute()
    {
        try
        {
            var bytes = System.IO.File.ReadAllBytes(File);
            if (Repair(bytes))
            {
                ReplaceFile(bytes);
                Log.LogMessage(MessageImportance.Normal, "Repaired {0} for systems with a libstdc++ older than GCC 13.", File);
            }

            return true;
        }
        catch (Exception error) when (error is InvalidDataException || error is IOException || error is UnauthorizedAccessException)
        {
            Log.LogError("{0} could not be repaired: {1} It is not the TorchSharp library this project was built for. Delete bin and obj, restore again, "
                + "or build with -p:RepairTorchShim=false on a system whose libstdc++ has {2}.", File, error.Message, Version);
            return false;
        }
    }

    /// <summary>True where something had to be changed; false where the file is repaired already or needs no repair.</summary>
    public static bool Repair(byte[] elf)
    {
        if (elf.Length < 64 || elf[0] != 0x7F || elf[1] != (byte)'E' || elf[2] != (byte)'L' || elf[3] != (byte)'F' || elf[4] != 2 || elf[5] != 1)
        {
            throw new InvalidDataException("It is not a 64-bit little-endian ELF file.");
        }

        var symbols = Section(elf, ".dynsym");
        var names = Section(elf, ".dynstr");
        var versions = Section(elf, ".gnu.version");
        var needs = Section(elf, ".gnu.version_r");
        var symbol = FindUndefined(elf, symbols, names, Wanted);
        var changed = symbol >= 0;
        if (changed)
        {
            var at = names.Offset + Int32(elf, symbols.Offset + symbol * 24);
            Array.Clear(elf, at, Wanted.Length);
            Encoding.ASCII.GetBytes(Older, 0, Older.Length, elf, at);
            BitConverter.GetBytes((ushort)Unversioned).CopyTo(elf, versions.Offset + symbol * 2);
        }

        return MakeWeak(elf, needs, names) || changed;
    }

    // New bytes beside the old file, then a rename: the old file may be a hard link into the package cache. The time of the original is kept, so
    // that the next incremental build does not copy it again.
    private void ReplaceFile(byte[] bytes)
    {
        var time = System.IO.File.GetLastWriteTimeUtc(File);
        var beside = File + ".repaired";
        System.IO.File.WriteAllBytes(beside, bytes);
        System.IO.File.SetLastWriteTimeUtc(beside, time);
        System.IO.File.Delete(File);
        System.IO.File.Move(beside, File);
    }

    private static int FindUndefined(byte[] elf, (int Offset, int Size, int Count) symbols, (int Offset, int Size, int Count) names, string name)
    {
        for (var i = 1; i < symbols.Size / 24; i++)
        {
            var at = symbols.Offset + i * 24;
            if (BitConverter.ToUInt16(elf, at + 6) == 0 && Text(elf, names.Offset + Int32(elf, at)) == name)
            {
                return i;
            }
        }

        return -1;
    }

    private static bool MakeWeak(byte[] elf, (int Offset, int Size, int Count) needs, (int Offset, int Size, int Count) names)
    {
        var changed = false;
        for (int file = needs.Offset, files = 0; files < needs.Count; files++)
        {
            var versions = BitConverter.ToUInt16(elf, file + 2);
            for (int entry = file + Int32(elf, file + 8), n = 0; n < versions; n++)
            {
                if (Text(elf, names.Offset + Int32(elf, entry + 8)) == Version && (elf[entry + 4] & WeakFlag) == 0)
                {
                    elf[entry + 4] |= WeakFlag;
                    changed = true;
                }

                entry += Int32(elf, entry + 12);
            }

            file += Int32(elf, file + 12);
        }

        return changed;
    }

    private static (int Offset, int Size, int Count) Section(byte[] elf, string name)
    {
        var table = checked((int)BitConverter.ToInt64(elf, 40));
        var size = BitConverter.ToUInt16(elf, 58);
        var count = BitConverter.ToUInt16(elf, 60);
        var namesHeader = table + BitConverter.ToUInt16(elf, 62) * size;
        var namesAt = checked((int)BitConverter.ToInt64(elf, namesHeader + 24));
        for (var i = 0; i < count; i++)
        {
            var header = table + i * size;
            if (Text(elf, namesAt + Int32(elf, header)) == name)
            {
                return (checked((int)BitConverter.ToInt64(elf, header + 24)), checked((int)BitConverter.ToInt64(elf, header + 32)), Int32(elf, header + 44));
            }
        }

        throw new InvalidDataException("It has no section " + name + ".");
    }

    private static int Int32(byte[] elf, int at)
    {
        return BitConverter.ToInt32(elf, at);
    }

    private static string Text(byte[] elf, int at)
    {
        var end = Array.IndexOf(elf, (byte)0, at);
        return Encoding.ASCII.GetString(elf, at, end - at);
    }
}
