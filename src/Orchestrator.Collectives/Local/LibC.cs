using System.Runtime.InteropServices;

namespace Orchestrator.Collectives.Local;

/// <summary>The few system calls that shared memory between processes needs.</summary>
internal static partial class LibC
{
    public const int ReadOnly = 1;
    public const int ReadWrite = 3;

    private const uint AllowSealing = 2;
    private const uint CloseOnExec = 1;
    private const int AddSeals = 1033;
    private const int SealShrink = 2;
    private const int MapShared = 1;
    private const int MapPrivate = 2;
    private const int MapFixed = 0x10;
    private const int MapAnonymous = 0x20;
    private const int MapNoReserve = 0x4000;
    private const int AdviseCollapse = 25;
    private const nint HugePage = 2 << 20;
    private const long WorthHugePages = 2 * HugePage;
    private const int OpenCloseOnExec = 0x80000;
    private const int FutexWait = 0;
    private const int FutexWake = 1;
    private const int Interrupted = 4;

    private static readonly long Futex = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 98 : 202;

    /// <summary>Anonymous memory with a file descriptor, of a fixed size, all of it reserved; gone when the last one that has it is.</summary>
    /// <exception cref="IOException">There is not enough memory, or the system has no such files.</exception>
    public static int CreateMemoryFile(string name, long bytes)
    {
        var file = memfd_create(name, AllowSealing | CloseOnExec);
        if (file < 0)
        {
            throw Failure($"Shared memory '{name}' cannot be created");
        }

        var error = ftruncate(file, bytes) != 0 ? Marshal.GetLastPInvokeError() : Reserve(file, bytes);
        if (error != 0)
        {
            _ = close(file);
            throw Failure($"Shared memory '{name}' of {bytes} bytes cannot be reserved", error);
        }

        _ = fcntl(file, AddSeals, SealShrink);
        return file;
    }

    // posix_fallocate returns its error, and one of them says that a signal came.
    private static int Reserve(int file, long bytes)
    {
        int error;
        do
        {
            error = posix_fallocate(file, 0, bytes);
        }
        while (error == Interrupted);
        return error;
    }

    /// <exception cref="IOException">The other process is gone, or another user's.</exception>
    public static int OpenOf(int processId, int file)
    {
        var opened = open($"/proc/{processId}/fd/{file}", OpenCloseOnExec);
        return opened >= 0 ? opened : throw Failure($"Memory {file} of process {processId} cannot be opened");
    }

    /// <summary>
    /// Maps a file from its start. Where it is large, at a multiple of 2 MiB and on pages of that size if the system has any to give:
    /// half of the time of reading through shared memory went into finding its pages (measured: 13.0 to 9.7 ms for 50 MB).
    /// </summary>
    public static nint Map(int file, long bytes, int access)
    {
        if (bytes < WorthHugePages)
        {
            return Checked(mmap(0, (nuint)bytes, access, MapShared, file, 0), bytes);
        }

        var reserved = Checked(mmap(0, (nuint)(bytes + HugePage), access: 0, MapPrivate | MapAnonymous | MapNoReserve, -1, 0), bytes);
        var address = (reserved + HugePage - 1) & ~(HugePage - 1);
        var mapped = mmap(address, (nuint)bytes, access, MapShared | MapFixed, file, 0);
        var end = address + (nint)((bytes + Environment.SystemPageSize - 1) & -Environment.SystemPageSize);
        Unmap(reserved, address - reserved);
        Unmap(end, reserved + (nint)bytes + HugePage - end);
        _ = madvise(Checked(mapped, bytes), (nuint)bytes, AdviseCollapse); // Only a wish.
        return mapped;
    }

    /// <summary>Keeps the calling thread on one of <paramref name="count"/> equal shares of the processors that this process may use, if there are so many.</summary>
    public static unsafe void StayWithin(int index, int count)
    {
        const int words = 1024 / 64;
        var allowed = stackalloc ulong[words];
        var bytes = sched_getaffinity(0, words * sizeof(ulong), allowed);
        var processors = Enumerable.Range(0, Math.Max(0, bytes) * 8).Where(i => (allowed[i / 64] >> (i % 64) & 1) != 0).ToArray();
        if (processors.Length < count)
        {
            return;
        }

        var share = stackalloc ulong[words];
        new Span<ulong>(share, words).Clear();
        for (var i = index * processors.Length / count; i < (index + 1) * processors.Length / count; i++)
        {
            share[processors[i] / 64] |= 1UL << (processors[i] % 64);
        }

        _ = sched_setaffinity(0, words * sizeof(ulong), share); // Only a wish.
    }

    public static void Unmap(nint address, long bytes) => _ = bytes > 0 ? munmap(address, (nuint)bytes) : 0;

    public static void Close(int file) => _ = close(file);

    /// <summary>Sleeps until somebody wakes the word, it is not <paramref name="expected"/> any more, or the time is over.</summary>
    public static unsafe void Wait(int* word, int expected, TimeSpan atMost)
    {
        var time = stackalloc long[2];
        time[0] = (long)atMost.TotalSeconds;
        time[1] = atMost.Ticks % TimeSpan.TicksPerSecond * 100;
        _ = syscall(Futex, (nint)word, FutexWait, expected, (nint)time, 0, 0);
    }

    public static unsafe void WakeAll(int* word) => _ = syscall(Futex, (nint)word, FutexWake, int.MaxValue, 0, 0, 0);

    private static nint Checked(nint address, long bytes) =>
        address != -1 ? address : throw Failure($"{bytes} bytes of shared memory cannot be mapped");

    private static IOException Failure(string what) => Failure(what, Marshal.GetLastPInvokeError());

    private static IOException Failure(string what, int error) => new($"{what}: {Marshal.GetPInvokeErrorMessage(error)}.");

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int file, long bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int posix_fallocate(int file, long offset, long bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int file, int command, int argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint bytes, int access, int flags, int file, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(nint address, nuint bytes, int advice);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long syscall(long number, nint word, int operation, int value, nint time, nint word2, int value3);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_getaffinity(int thread, nint bytes, ulong* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_setaffinity(int thread, nint bytes, ulong* mask);
}
