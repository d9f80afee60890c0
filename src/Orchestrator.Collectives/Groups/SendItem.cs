using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives.Groups;

/// <summary>A frame that waits for its turn on the stream to a peer.</summary>
/// <param name="Operation">Whose floats it carries: skipped if that has ended meanwhile. Null: nobody's, always sent.</param>
internal readonly record struct SendItem(Operation? Operation, FrameHeader Header, nint Floats = 0, ReadOnlyMemory<byte> Text = default);

/// <summary>Takes frames for a peer; never blocks.</summary>
internal interface IPost
{
    void Post(int peer, SendItem item);
}
