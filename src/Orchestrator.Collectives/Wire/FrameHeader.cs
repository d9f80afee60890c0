using System.Runtime.InteropServices;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Wire;

/// <summary>Which collective an operation is; part of its name, so that two of different kinds are never mixed up.</summary>
internal enum Collective
{
    AllReduce = 1,
    ReduceScatter = 2,
    AllGather = 3,
    Broadcast = 4,
    Barrier = 5,
}

/// <summary>Names an operation on all ranks.</summary>
/// <param name="Tag">The bucket, or the caller's number.</param>
internal readonly record struct OperationKey(StepId Id, Collective Collective, int Tag)
{
    public override string ToString() => Collective is Collective.AllReduce or Collective.ReduceScatter
        ? $"bucket {Tag} of {Id}"
        : $"{Collective.ToString().ToLowerInvariant()} {Tag} of {Id}";
}

/// <summary>The fields of a frame before its payload; see protos/collectives.proto for each.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FrameHeader(FrameKind Kind, OperationKey Key, int Slot = 0, long Offset = 0, long Count = 0, WireType Encoding = WireType.Fp32)
{
    public int PayloadBytes => Kind is FrameKind.Contribution or FrameKind.Sum
        ? checked((int)(Count * (Encoding == WireType.Bf16 ? sizeof(ushort) : sizeof(float))))
        : 0;
}
