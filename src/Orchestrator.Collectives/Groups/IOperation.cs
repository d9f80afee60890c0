using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives.Groups;

/// <summary>A collective under way on this rank, whatever carries it.</summary>
internal interface IOperation
{
    OperationKey Key { get; }

    /// <summary>Ends when there is a result or an error, and nothing touches the caller's buffers any more.</summary>
    Task Completion { get; }

    void Start();

    /// <summary>Handles a frame of this operation. False: the operation has ended, the frame changed nothing.</summary>
    /// <exception cref="InvalidDataException">The frame does not fit the operation.</exception>
    bool Receive(int from, in FrameHeader header, ReadOnlySpan<byte> payload);

    /// <summary>Ends the operation without a result. True for the first to close it.</summary>
    bool Close(Exception failure);

    /// <param name="link">Time since a peer was heard, and since any chunk moved to or from it: it may be busy with another bucket.</param>
    Verdict? Judge(Func<int, (TimeSpan Heard, TimeSpan Moved)> link, TimeSpan deadline, TimeSpan arrival);

    /// <summary>What is still awaited from, or owed to, a peer that is gone; null if nothing is.</summary>
    /// <param name="onlyOwed">The peer can still be heard.</param>
    Verdict? Without(int rank, string reason, bool onlyOwed);
}
