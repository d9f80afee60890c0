using Akka.Actor;
using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

[Collection(RealClusters.Name)]
public sealed class ClusterHygieneTests
{
    private sealed record NotProtobuf(string Text);

    [Fact]
    public async Task Nothing_of_ours_falls_to_the_reflective_serializer_in_a_run_with_every_kind_of_message()
    {
        await using var run = new TestRun();
        var flips = 0;
        run.World.Distort = (_, step, leaf, value) => step == 1 && leaf == 6 && Interlocked.Increment(ref flips) == 1 ? float.NaN : value;
        await run.StartAsync(steps: 4, o => o with { SaveEverySteps = 2, HostId = "elsewhere", Job = o.Job with { EvaluationSets = [new("eval", 64, 2)] } });
        run.Add("a", "b", "c");
        await run.EndAsync();
        Assert.DoesNotContain(ReflectiveSerializer.Ours, type => type != typeof(NotProtobuf));
    }

    [Fact]
    public async Task What_is_not_protobuf_would_be_noticed()
    {
        var system = ActorSystem.Create("probe", ReflectiveSerializer.Strict);
        var echo = system.ActorOf(Props.Create(() => new Echo()));
        await echo.Ask<string>(new NotProtobuf("text"), TestRun.Patience);
        Assert.Contains(typeof(NotProtobuf), ReflectiveSerializer.Ours);
        await system.Terminate();
    }

    [Theory]
    [InlineData(0.05, 600, "Patience")]
    [InlineData(30, 20, "Progress (30 s) must be shorter than Work (20 s)")]
    public void Deadlines_that_do_not_nest_are_refused(double patience, double work, string message)
    {
        var deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(patience), Work = TimeSpan.FromSeconds(work) };
        Assert.Contains(message, Assert.Throws<ArgumentException>(deadlines.Check).Message, StringComparison.OrdinalIgnoreCase);
        new Deadlines().Check();
    }

    [Fact]
    public async Task Workers_answer_while_the_thread_pool_is_starved()
    {
        await using var run = await new TestRun().StartAsync(steps: 1, o => o with { Workers = 2, Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(2) } });
        using var release = new ManualResetEventSlim();
        ThreadPool.GetMinThreads(out var pool, out _);
        for (var i = 0; i < pool * 8; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(TimeSpan.FromSeconds(6)), null);
        }

        run.Add("a", "b");
        await run.EndAsync();
        release.Set();
        Assert.Single(run.All<MembershipChanged>());
    }

    [Fact]
    public async Task Heartbeats_stay_on_time_while_device_threads_take_every_processor()
    {
        var patience = TimeSpan.FromSeconds(2);
        await using var run = await new TestRun().StartAsync(steps: 2, o => o with { Workers = 2, Deadlines = new Deadlines { Patience = patience } });
        using var over = new CancellationTokenSource();
        run.World.BeforeLeaf = (_, step, leaf, _) => step == 1 && leaf is 0 or 7
            ? Task.Factory.StartNew(() => Busy(patience * 2), default, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            : Task.CompletedTask;
        run.Add("a", "b");
        await run.EventAsync<MembershipChanged>();
        var devices = Enumerable.Range(0, Environment.ProcessorCount * 4).Select(_ => new Thread(() => Busy(null)) { IsBackground = true }).ToList();
        devices.ForEach(device => device.Start());

        await run.EventAsync<StepCommitted>(committed => committed.Step == 2);
        var meanwhile = run.Log.ToArray();   // afterwards nodes leave, and whoever is slow to hear of it finds them unreachable
        await run.EndAsync();
        await over.CancelAsync();
        devices.ForEach(device => device.Join());
        Assert.Single(run.All<MembershipChanged>());
        Assert.DoesNotContain(meanwhile, line => line.Contains("unreachable", StringComparison.OrdinalIgnoreCase));

        void Busy(TimeSpan? time)
        {
            for (var started = TimeProvider.System.GetTimestamp(); !over.IsCancellationRequested && (time is null || TimeProvider.System.GetElapsedTime(started) < time);)
            {
                Thread.SpinWait(1000);
            }
        }
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<NotProtobuf>(m => Sender.Tell(m.Text));
    }
}
