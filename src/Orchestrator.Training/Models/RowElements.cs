using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Orchestrator.Training.Models;

/// <summary>How values of a row stand in memory.</summary>
internal unsafe interface IRowElement
{
    /// <summary>Elements that one turn of a loop takes: a vector of bf16, or two of fp32.</summary>
    const int Turn = 32;

    static abstract (Vector512<float> A, Vector512<float> B) Load(byte* row, long at);

    static abstract void Store(byte* row, long at, Vector512<float> a, Vector512<float> b);

    static abstract float One(byte* row, long at);

    static abstract void SetOne(byte* row, long at, float value);

    /// <summary>Copies what is left of a row behind its last whole turn, and fills up with -∞.</summary>
    static abstract void Pad(byte* row, long from, long to, byte* target);

    static abstract void Unpad(byte* source, byte* row, long from, long to);
}

internal readonly unsafe struct Fp32Element : IRowElement
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> A, Vector512<float> B) Load(byte* row, long at) =>
        (Vector512.Load((float*)row + at), Vector512.Load((float*)row + at + 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* row, long at, Vector512<float> a, Vector512<float> b)
    {
        a.Store((float*)row + at);
        b.Store((float*)row + at + 16);
    }

    public static float One(byte* row, long at) => ((float*)row)[at];

    public static void SetOne(byte* row, long at, float value) => ((float*)row)[at] = value;

    public static void Pad(byte* row, long from, long to, byte* target)
    {
        new Span<float>(target, IRowElement.Turn).Fill(float.NegativeInfinity);
        new ReadOnlySpan<float>((float*)row + from, (int)(to - from)).CopyTo(new Span<float>(target, IRowElement.Turn));
    }

    public static void Unpad(byte* source, byte* row, long from, long to) =>
        new ReadOnlySpan<float>(source, (int)(to - from)).CopyTo(new Span<float>((float*)row + from, (int)(to - from)));
}

internal readonly unsafe struct Bf16Element : IRowElement
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> A, Vector512<float> B) Load(byte* row, long at)
    {
        var (low, high) = Vector512.Widen(Vector512.Load((ushort*)row + at));
        return ((low << 16).AsSingle(), (high << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* row, long at, Vector512<float> a, Vector512<float> b) =>
        Vector512.Narrow(Rounded(a), Rounded(b)).Store((ushort*)row + at);

    public static float One(byte* row, long at) => BitConverter.UInt32BitsToSingle((uint)((ushort*)row)[at] << 16);

    public static void SetOne(byte* row, long at, float value) => ((ushort*)row)[at] = (ushort)Rounded(Vector512.Create(value))[0];

    public static void Pad(byte* row, long from, long to, byte* target)
    {
        new Span<ushort>(target, IRowElement.Turn).Fill(0xFF80);
        new ReadOnlySpan<ushort>((ushort*)row + from, (int)(to - from)).CopyTo(new Span<ushort>(target, IRowElement.Turn));
    }

    public static void Unpad(byte* source, byte* row, long from, long to) =>
        new ReadOnlySpan<ushort>(source, (int)(to - from)).CopyTo(new Span<ushort>((ushort*)row + from, (int)(to - from)));

    /// <summary>To nearest, ties to even, in the lower half of each lane. A NaN that arithmetic makes, or that was bf16, stays one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(Vector512<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
    }
}
