using System.Runtime.InteropServices;
using Orchestrator.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Tensors over memory that somebody else owns: a mapped file, a shared mapping, a pinned buffer. Nothing is copied.</summary>
public static partial class NativeTensor
{
    private static readonly Deleter KeepMemory = _ => { };

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Deleter(nint memory);

    /// <summary>
    /// A CPU tensor of <paramref name="shape"/> over <paramref name="address"/>. The memory must outlive the tensor and every view of it; where it
    /// is mapped read-only, writing through the tensor ends the process.
    /// </summary>
    public static Tensor Over(nint address, ScalarType type, ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (var size in shape)
        {
            count = checked(count * size);
        }

        if (count == 0)
        {
            return empty(shape.ToArray(), type);
        }

        InitializeDeviceType(DeviceType.CPU);
        var handle = THSTensor_frombuffer(address, KeepMemory, count, 0, (sbyte)type, (sbyte)type, (int)DeviceType.CPU, -1, false);
        if (handle == nint.Zero)
        {
            CheckForErrors();
        }

        using var flat = Tensor.UnsafeCreateTensor(handle);
        return flat.view(shape.ToArray());
    }

    /// <summary>A one-dimensional fp32 tensor over a buffer of the data plane.</summary>
    public static Tensor Over(FloatBuffer buffer) => Over(buffer.Address, ScalarType.Float32, [buffer.Length]);

    [DllImport("LibTorchSharp")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static extern nint THSTensor_frombuffer(
        nint data, Deleter deleter, long count, long offset, sbyte type, sbyte dtype, int deviceType, int deviceIndex, [MarshalAs(UnmanagedType.U1)] bool requiresGrad);
}
