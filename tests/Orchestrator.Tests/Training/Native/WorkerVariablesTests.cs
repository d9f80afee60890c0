using Orchestrator.Training.Native;

namespace Orchestrator.Tests.Training.Native;

public sealed class WorkerVariablesTests
{
    [Fact]
    public void A_workers_pools_have_its_number_of_threads_and_wait_asleep()
    {
        var variables = TorchRuntime.WorkerEnvironment(3);
        Assert.Equal("3", variables["OMP_NUM_THREADS"]);
        Assert.Equal("3", variables["MKL_NUM_THREADS"]);
        Assert.Equal("PASSIVE", variables["OMP_WAIT_POLICY"]);
        Assert.Equal("1", variables["MALLOC_ARENA_MAX"]);
    }

    [Theory]
    [InlineData(FastMath.Auto)]
    [InlineData(FastMath.On)]
    [InlineData(FastMath.Off)]
    public void A_worker_reads_the_fast_math_of_who_launches_it(FastMath setting) =>
        Assert.Equal(setting, TorchRuntime.ParseFastMath(WorkerVariables.Of(1, setting)[TorchRuntime.FastMathVariable]));

    [Fact]
    public void A_worker_without_a_thread_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => TorchRuntime.WorkerEnvironment(0));
}
