using Orchestrator.Cluster;
using Orchestrator.Tests.Collectives;

namespace Orchestrator.Tests.Cluster;

/// <summary>Who may join a run, and what it is told.</summary>
[Collection(RealClusters.Name)]
public sealed class ClusterAdmissionTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("tls-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Who_brings_the_token_is_told_the_job_and_how_patient_the_run_is()
    {
        await using var run = await new TestRun().StartAsync(steps: 1, o => o with { FirstTerm = 7, Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(9) } });
        var offer = await Coordinator.AskJobAsync([run.Address], "secret", null, Soon, default);
        Assert.Equal((7L, TimeSpan.FromSeconds(9)), (offer.FirstTerm, offer.Deadlines.Patience));
        var cache = Path.Combine(_folder, "cache");
        File.Move(offer.Job.Files[0].Path, offer.Job.Files[0].Path + ".moved");   // as on another machine
        var lost = await Assert.ThrowsAnyAsync<Exception>(() => Coordinator.BringAsync(offer, cache, "a guess", null, _ => { }, default));
        Assert.Contains("token", lost.Message, StringComparison.OrdinalIgnoreCase);
        File.Move(offer.Job.Files[0].Path + ".moved", offer.Job.Files[0].Path);
        var job = await Coordinator.BringAsync(offer, cache, "secret", null, _ => { }, default);
        Assert.Equal(offer.Job.Files[0].Sha256, job.Files[0].Sha256);
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => Coordinator.AskJobAsync([run.Address], "a guess", null, Soon, default));
        run.Stop();
    }

    [Fact]
    public async Task With_TLS_all_planes_are_encrypted_and_a_stranger_gets_no_answer()
    {
        using var authority = new TestAuthority(_folder, "ours");
        using var other = new TestAuthority(_folder, "theirs");
        await using var run = await new TestRun().StartAsync(steps: 2, o => o with { Tls = authority.Issue(), HostId = "elsewhere", SaveEverySteps = 1 });
        run.Add("a", o => o with { Tls = authority.Issue() });
        Assert.Equal(1, (await Coordinator.StatusAsync(run.Address, "secret", Soon, default, authority.Issue())).Term);
        foreach (var wrong in new[] { null, other.Issue() })
        {
            await Assert.ThrowsAsync<TimeoutException>(() => Coordinator.StatusAsync(run.Address, "secret", TimeSpan.FromSeconds(3), default, wrong));
        }

        run.Add("b", o => o with { Tls = authority.Issue() });
        var outcome = await run.EndAsync();
        Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
    }

    [Fact]
    public async Task A_worker_with_another_token_is_refused_and_knows_it()
    {
        await using var run = await new TestRun().StartAsync(steps: 1);
        run.Add("stranger", o => o with { Token = "a guess" });
        var outcome = await run.OutcomeOf("stranger");
        Assert.Equal(WorkerEnd.Refused, outcome.End);
        Assert.Contains("token", outcome.Reason, StringComparison.Ordinal);
        run.Stop();
    }
}
