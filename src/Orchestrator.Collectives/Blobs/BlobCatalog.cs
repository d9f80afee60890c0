using Orchestrator.Core;

namespace Orchestrator.Collectives.Blobs;

/// <summary>What a process lets others download: files by their SHA-256, and live state.</summary>
public sealed class BlobCatalog
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>Serves a file, read at each download. Adding the same name again replaces it for later downloads.</summary>
    /// <param name="sha256">Lower-case hex; null computes it now.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public async Task<BlobInfo> AddFileAsync(string name, string path, string? sha256 = null, CancellationToken cancellation = default)
    {
        var digest = sha256 is null ? await BlobDigest.OfFileAsync(path, cancellation) : BlobDigest.OfSha256(sha256);
        var info = new BlobInfo(name, digest, new FileInfo(path).Length);
        lock (_gate)
        {
            _entries[name] = new Entry(info, () => new FileBlob(path));
        }

        return info;
    }

    /// <summary>
    /// Serves native memory, in this order, as one blob. The buffers must not change, and must not be released, until the returned
    /// handle has been disposed: disposing ends downloads that are under way and waits for them to let go.
    /// </summary>
    public StateOffer AddState(string name, IReadOnlyList<FloatBuffer> buffers)
    {
        var info = new BlobInfo(name, BlobDigest.OfState(buffers), buffers.Sum(buffer => buffer.Bytes));
        var entry = new Entry(info, () => new StateBlob(buffers));
        lock (_gate)
        {
            if (!_entries.TryAdd(name, entry))
            {
                throw new InvalidOperationException($"Blob '{name}' is already offered.");
            }
        }

        return new StateOffer(info, () => RemoveAsync(name, entry));
    }

    public void Remove(string name)
    {
        lock (_gate)
        {
            _entries.Remove(name);
        }
    }

    internal BlobInfo? Describe(string name)
    {
        lock (_gate)
        {
            return _entries.GetValueOrDefault(name)?.Info;
        }
    }

    /// <summary>Opens a blob for one download; null if there is none of this name.</summary>
    internal Reading? Open(string name)
    {
        lock (_gate)
        {
            return _entries.TryGetValue(name, out var entry) ? new Reading(entry) : null;
        }
    }

    private async ValueTask RemoveAsync(string name, Entry entry)
    {
        lock (_gate)
        {
            _entries.Remove(name);
        }

        await entry.CloseAsync();
    }

    /// <summary>One download. Its token is cancelled when the blob is withdrawn.</summary>
    internal sealed class Reading : IDisposable
    {
        private readonly Entry _entry;

        public Reading(Entry entry)
        {
            _entry = entry;
            Blob = entry.Open();
            entry.Enter();
        }

        public BlobInfo Info => _entry.Info;

        public IBlob Blob { get; }

        public CancellationToken Withdrawn => _entry.Withdrawn;

        public void Dispose()
        {
            Blob.Dispose();
            _entry.Exit();
        }
    }

    internal sealed class Entry(BlobInfo info, Func<IBlob> open) : IDisposable
    {
        private readonly CancellationTokenSource _withdrawn = new();
        private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _users = 1;

        public BlobInfo Info => info;

        public CancellationToken Withdrawn => _withdrawn.Token;

        public IBlob Open() => open();

        public void Enter() => Interlocked.Increment(ref _users);

        public void Exit()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                _idle.TrySetResult();
            }
        }

        public async Task CloseAsync()
        {
            await _withdrawn.CancelAsync();
            Exit();
            await _idle.Task;
            Dispose();
        }

        public void Dispose() => _withdrawn.Dispose();
    }
}

/// <summary>Live state on offer until it is disposed.</summary>
public sealed class StateOffer(BlobInfo info, Func<ValueTask> withdraw) : IAsyncDisposable
{
    private int _withdrawn;

    public BlobInfo Info => info;

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _withdrawn, 1) == 0 ? withdraw() : ValueTask.CompletedTask;
}
