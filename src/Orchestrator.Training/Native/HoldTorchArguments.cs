using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Keeps what TorchSharp's methods are given alive until they return. TorchSharp.dll passes raw handles to native code, and to the just-in-time
/// compiler an argument whose handle has been read is garbage: where a collection falls into the native call, the finalizer frees the scalar of
/// "a + b" or "x * 0.5" while libtorch reads it. The call then fails, or computes with another number. In code compiled without optimization
/// every argument lives as long as its method. So the output's copy of the assembly gets DebuggableAttribute(Default | DisableOptimizations | ...),
/// as a debug build has it; the wrappers are thin, and what they call is native.
/// </summary>
/// <remarks>
/// ECMA-335, II.22.10 (CustomAttribute), II.24.2 (metadata root, #Blob). The attribute's value is shared with others in the blob heap, so a new
/// value is written into the text of the assembly's description-like attributes, where any byte is a character, and the row is pointed to it.
/// </remarks>
public sealed class HoldTorchArguments : Task
{
    // Blobs with their length in front: prolog 1, the enum's value, no named arguments.
    private static readonly byte[] Release = { 8, 1, 0, 0x02, 0, 0, 0, 0, 0 };
    private static readonly byte[] Debug = { 8, 1, 0, 0x07, 0x01, 0, 0, 0, 0 };
    private static readonly byte[] Text = Encoding.ASCII.GetBytes("https://github.com/dotnet/");

    // HasCustomAttribute: row 1 of the assembly table, tag 14 in five bits.
    private const int OfTheAssembly = (1 << 5) | 14;

    [Required]
    public string File { get; set; }

    public override bool Execute()
    {
        try
        {
            var bytes = System.IO.File.ReadAllBytes(File);
            if (Hold(bytes))
            {
                Replace(bytes);
                Log.LogMessage(MessageImportance.Normal, "Made the methods of {0} hold their arguments.", File);
            }

            return true;
        }
        catch (Exception error) when (error is InvalidDataException || error is IOException || error is UnauthorizedAccessException)
        {
            Log.LogError("{0} could not be changed to hold its arguments: {1} It is not the TorchSharp this project was built for. Delete bin and obj and restore again.", File, error.Message);
            return false;
        }
    }

    /// <summary>True where something had to be changed; false where it has been done.</summary>
    public static bool Hold(byte[] assembly)
    {
        var heap = BlobHeap(assembly);
        if (Find(assembly, Debug, heap.Start, heap.Start + heap.Size).Count > 0)
        {
            return false;
        }

        var release = One(Find(assembly, Release, heap.Start, heap.Start + heap.Size), "release value of DebuggableAttribute") - heap.Start;
        var row = One(Rows(assembly, release, heap.Size), "row of DebuggableAttribute");
        var text = One(Find(assembly, Text, heap.Start, heap.Start + heap.Size), "address of the repository");
        Debug.CopyTo(assembly, text);
        var index = BitConverter.GetBytes(text - heap.Start);
        Array.Copy(index, 0, assembly, row, heap.Size < 1 << 16 ? 2 : 4);
        return true;
    }

    /// <summary>Where the value's index stands in rows of the assembly's attributes: parent, type, value, each of two or four bytes.</summary>
    private static List<int> Rows(byte[] assembly, int value, int heapSize)
    {
        var found = new List<int>();
        foreach (var (parentSize, typeSize) in new[] { (4, 2), (4, 4), (2, 2), (2, 4) })
        {
            var valueSize = heapSize < 1 << 16 ? 2 : 4;
            for (var at = 0; at + parentSize + typeSize + valueSize <= assembly.Length; at++)
            {
                if (Number(assembly, at, parentSize) == OfTheAssembly && Number(assembly, at + parentSize + typeSize, valueSize) == value
                    && Number(assembly, at + parentSize, typeSize) % 8 == 3)   // CustomAttributeType: a constructor in the member reference table
                {
                    found.Add(at + parentSize + typeSize);
                }
            }
        }

        return found;
    }

    private static (int Start, int Size) BlobHeap(byte[] assembly)
    {
        var root = One(Find(assembly, Encoding.ASCII.GetBytes("BSJB\x01\0\x01\0"), 0, assembly.Length), "metadata root");
        var at = root + 16 + BitConverter.ToInt32(assembly, root + 12);
        var streams = BitConverter.ToUInt16(assembly, at + 2);
        at += 4;
        for (var i = 0; i < streams; i++)
        {
            var name = Encoding.ASCII.GetString(assembly, at + 8, 8).Split('\0')[0];
            if (name == "#Blob")
            {
                return (root + BitConverter.ToInt32(assembly, at), BitConverter.ToInt32(assembly, at + 4));
            }

            var length = Array.IndexOf(assembly, (byte)0, at + 8) - at - 8;
            at += 8 + (length + 4) / 4 * 4;
        }

        throw new InvalidDataException("It has no blob heap.");
    }

    private static List<int> Find(byte[] bytes, byte[] wanted, int start, int end)
    {
        var found = new List<int>();
        for (var at = start; at + wanted.Length <= end; at++)
        {
            var i = 0;
            while (i < wanted.Length && bytes[at + i] == wanted[i])
            {
                i++;
            }

            if (i == wanted.Length)
            {
                found.Add(at);
            }
        }

        return found;
    }

    private static int One(List<int> found, string what)
    {
        return found.Count == 1 ? found[0] : throw new InvalidDataException("It has " + found.Count + " times the " + what + ", and one is needed.");
    }

    private static int Number(byte[] bytes, int at, int size)
    {
        return size == 2 ? BitConverter.ToUInt16(bytes, at) : BitConverter.ToInt32(bytes, at);
    }

    // Beside, then a rename, with the original's time: the old file may be a hard link into the package cache, and must not be copied again.
    private void Replace(byte[] bytes)
    {
        var time = System.IO.File.GetLastWriteTimeUtc(File);
        var beside = File + ".changed";
        System.IO.File.WriteAllBytes(beside, bytes);
        System.IO.File.SetLastWriteTimeUtc(beside, time);
        System.IO.File.Delete(File);
        System.IO.File.Move(beside, File);
    }
}
