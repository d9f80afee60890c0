using Orchestrator.Training.Native;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Native;

public sealed class DeviceThreadTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task All_work_runs_in_order_on_one_thread_that_is_not_the_pools()
    {
        await using var thread = new DeviceThread("cpu");
        var order = new List<int>();
        var runs = Enumerable.Range(0, 20).Select(i => thread.Run(() =>
        {
            order.Add(i);
            return (Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread);
        })).ToArray();
        var seen = await Task.WhenAll(runs).WaitAsync(Deadline);
        Assert.Single(seen.Distinct());
        Assert.False(seen[0].IsThreadPoolThread);
        Assert.Equal(Enumerable.Range(0, 20), order);
    }

    [Fact]
    public async Task An_exception_travels_to_the_caller_and_the_thread_lives_on()
    {
        await using var thread = new DeviceThread("cpu");
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => thread.Run<int>(() => throw new InvalidDataException("leaf 3")).WaitAsync(Deadline));
        Assert.Equal("leaf 3", error.Message);
        Assert.Equal(7, await thread.Run(() => 7).WaitAsync(Deadline));
    }

    [Fact]
    public async Task The_number_of_threads_an_operation_uses_holds_for_the_device_thread_alone()
    {
        await using var one = new DeviceThread("a", threads: 1);
        await using var two = new DeviceThread("b", threads: 2);
        Assert.Equal(2, await two.Run(get_num_threads).WaitAsync(Deadline));
        Assert.Equal(1, await one.Run(get_num_threads).WaitAsync(Deadline));
        Assert.Equal(2, await two.Run(get_num_threads).WaitAsync(Deadline));
    }

    // libtorch gives a thread, at its first operation, the number that any thread asked for last.
    [Fact]
    public async Task Another_thread_s_number_does_not_take_the_place_of_one_s_own_before_its_first_operation()
    {
        await using var one = new DeviceThread("a", threads: 1);
        await using var three = new DeviceThread("b", threads: 3);
        await one.Run(() => { }).WaitAsync(Deadline);
        await three.Run(() => { }).WaitAsync(Deadline);
        Assert.Equal(1, await one.Run(get_num_threads).WaitAsync(Deadline));
    }

    [Fact]
    public async Task Cancelled_work_that_has_not_begun_never_runs()
    {
        await using var thread = new DeviceThread("cpu");
        using var gate = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        var first = thread.Run(() => gate.Wait(Deadline));
        var ran = false;
        var second = thread.Run(() => ran = true, cancel.Token);
        await cancel.CancelAsync();
        gate.Set();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(Deadline));
        Assert.True(await first.WaitAsync(Deadline));
        Assert.False(ran);
    }

    [Fact]
    public async Task Disposing_finishes_the_work_under_way_and_refuses_the_rest()
    {
        var thread = new DeviceThread("cpu");
        using var begun = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var underWay = thread.Run(() =>
        {
            begun.Set();
            return gate.Wait(Deadline);
        });
        var waiting = thread.Run(() => 1);
        Assert.True(begun.Wait(Deadline));
        var disposal = thread.DisposeAsync();
        gate.Set();
        await disposal;
        Assert.True(await underWay);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Deadline));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => thread.Run(() => 1).WaitAsync(Deadline));
        await thread.DisposeAsync();
    }

    [Fact]
    public async Task Disposing_gives_up_on_work_that_does_not_end_and_says_so()
    {
        using var begun = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var thread = new DeviceThread("cuda:0") { Patience = TimeSpan.FromMilliseconds(1) };
        var stuck = thread.Run(() =>
        {
            begun.Set();
            return gate.Wait(Deadline);
        });
        Assert.True(begun.Wait(Deadline));
        var error = await Assert.ThrowsAsync<TimeoutException>(async () => await thread.DisposeAsync());
        Assert.Contains("cuda:0", error.Message, StringComparison.Ordinal);
        gate.Set();
        Assert.True(await stuck.WaitAsync(Deadline));
    }
}
