using Orchestrator.Host.Doctor;
using Orchestrator.Host.Verbs;
using Spectre.Console.Testing;

namespace Orchestrator.Tests.Host.Doctor;

public sealed class MachineChecksTests
{
    private const long GiB = 1L << 30;

    [Theory]
    [InlineData(GiB / 4, Verdict.Stops)]
    [InlineData(GiB, Verdict.Warning)]
    [InlineData(8 * GiB, Verdict.Good)]
    public void Memory_is_judged_by_what_is_free(long free, Verdict verdict) => Assert.Equal(verdict, MachineChecks.Memory(free, 16 * GiB).Verdict);

    [Fact]
    public void Without_memory_files_nothing_can_run()
    {
        Assert.Equal(Verdict.Stops, MachineChecks.SharedMemory("Shared memory 'doctor' cannot be created: Operation not permitted.").Verdict);
        Assert.Equal(Verdict.Good, MachineChecks.SharedMemory(null).Verdict);
    }

    [Fact]
    public void A_processor_is_described_by_its_name_and_features() => Assert.Equal(
        "Fast One, 4 core(s) for this process, avx2 avx512f",
        MachineChecks.Processor("processor\t: 0\nmodel name\t: Fast One\nflags\t\t: sse2 avx2 avx512f\n", 4).Found);

    [Fact]
    public void Few_open_files_are_a_warning() => Assert.Equal(
        Verdict.Warning,
        MachineChecks.OpenFiles("Limit                     Soft Limit           Hard Limit           Units\nMax open files            256                  4096                 files\n").Verdict);

    [Fact]
    public void What_stops_a_run_makes_the_command_fail()
    {
        using var console = new TestConsole();
        Assert.Equal(1, DoctorVerb.Show(console, [Finding.Good("memory", "plenty"), Finding.Stops("disk", "/x cannot be written", "Name another.")]));
        Assert.Contains("A run cannot start here.", console.Output, StringComparison.Ordinal);
        Assert.Equal(0, DoctorVerb.Show(console, [Finding.Warning("name", "unknown", "-")]));
    }
}
