using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>An announcement that came before this rank started the operation.</summary>
internal sealed record EarlyFrame(int From, FrameHeader Header, byte[] Payload);

/// <summary>
/// Which operations are under way, which have ended, and what came early. What belongs to an older StepId than the newest started
/// here, or to an operation that has ended, is recognised as late and dropped.
/// </summary>
internal sealed class OperationTable
{
    private const int MostEarly = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<OperationKey, IOperation> _active = [];
    private readonly Dictionary<OperationKey, List<EarlyFrame>> _early = [];
    // With the rank that its end was blamed on, where it failed.
    private readonly Dictionary<OperationKey, int?> _ended = [];
    private StepId _newest = new(long.MinValue, 0, 0, 0);
    private int _earlyFrames;

    public StepId Newest
    {
        get
        {
            lock (_gate)
            {
                return _newest;
            }
        }
    }

    public IOperation[] Active
    {
        get
        {
            lock (_gate)
            {
                return [.. _active.Values];
            }
        }
    }

    /// <summary>Enters an operation and returns what came early for it.</summary>
    /// <exception cref="ArgumentException">Its name is older than the newest, or was used before.</exception>
    public IReadOnlyList<EarlyFrame> Add(IOperation operation)
    {
        lock (_gate)
        {
            if (operation.Key.Id < _newest)
            {
                throw new ArgumentException($"{operation.Key} comes after {_newest}: a group never goes back.");
            }

            if (_ended.ContainsKey(operation.Key) || !_active.TryAdd(operation.Key, operation))
            {
                throw new ArgumentException($"{operation.Key} was started before: use another attempt or another number.");
            }

            if (operation.Key.Id > _newest)
            {
                Advance(operation.Key.Id);
            }

            return _early.Remove(operation.Key, out var early) ? Forget(early) : [];
        }
    }

    public void End(IOperation operation)
    {
        lock (_gate)
        {
            if (_active.Remove(operation.Key) && operation.Key.Id == _newest)
            {
                _ended[operation.Key] = (operation.Completion.Exception?.InnerException as CollectiveException)?.Suspect;
            }
        }
    }

    /// <summary>The rank that an operation's failure here was blamed on; null where there was none, or it is forgotten.</summary>
    public int? SuspectOf(OperationKey key)
    {
        lock (_gate)
        {
            return _ended.GetValueOrDefault(key);
        }
    }

    /// <summary>
    /// The operation a frame is for; null where there is none: an announcement of what has not started here is kept, anything else is late.
    /// </summary>
    /// <exception cref="InvalidDataException">The peer announces without end.</exception>
    public IOperation? Find(int from, in FrameHeader header, ReadOnlySpan<byte> payload, out bool late)
    {
        lock (_gate)
        {
            late = false;
            if (_active.TryGetValue(header.Key, out var operation))
            {
                return operation;
            }

            late = header.Key.Id < _newest || _ended.ContainsKey(header.Key);
            late |= header.Kind is not (FrameKind.Begin or FrameKind.Abort);
            if (!late)
            {
                Keep(new EarlyFrame(from, header, payload.ToArray()));
            }

            return null;
        }
    }

    private void Keep(EarlyFrame frame)
    {
        if (++_earlyFrames > MostEarly)
        {
            throw new InvalidDataException($"more than {MostEarly} operations were announced that nobody here has started");
        }

        if (!_early.TryGetValue(frame.Header.Key, out var list))
        {
            _early.Add(frame.Header.Key, list = []);
        }

        list.Add(frame);
    }

    private List<EarlyFrame> Forget(List<EarlyFrame> frames)
    {
        _earlyFrames -= frames.Count;
        return frames;
    }

    private void Advance(StepId id)
    {
        _newest = id;
        _ended.Clear();
        foreach (var key in _early.Keys.Where(key => key.Id < id).ToArray())
        {
            _early.Remove(key, out var old);
            Forget(old!);
        }
    }
}
