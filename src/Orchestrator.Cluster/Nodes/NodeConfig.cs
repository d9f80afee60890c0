using Akka.Configuration;

namespace Orchestrator.Cluster.Nodes;

/// <summary>
/// Akka's settings, derived from the run's deadlines. Its membership decides who may coordinate and who is removed for good, slowly on purpose;
/// whether a collective is given up, the data plane decides.
/// </summary>
internal static class NodeConfig
{
    public static Config For(Deadlines deadlines) => ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = WARNING
          stdout-loglevel = OFF
          loggers = []
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          actor {
            # Own threads: they answer heartbeats though the thread pool may be busy.
            internal-dispatcher { type = ForkJoinDispatcher, executor = fork-join-executor, throughput = 5, dedicated-thread-pool { thread-count = 3, threadtype = background } }
            orchestrator-dispatcher { type = ForkJoinDispatcher, executor = fork-join-executor, throughput = 5, dedicated-thread-pool { thread-count = 2, threadtype = background } }
          }
          remote {
            dot-netty.tcp { maximum-frame-size = 1 MiB, send-buffer-size = 2 MiB, receive-buffer-size = 2 MiB, connection-timeout = {{Ms(deadlines.Patience)}} }
            retry-gate-closed-for = 500 ms
            watch-failure-detector { heartbeat-interval = {{Ms(deadlines.Patience / 4)}}, acceptable-heartbeat-pause = {{Ms(deadlines.AkkaPause)}} }
          }
          cluster {
            gossip-interval = 200 ms
            leader-actions-interval = 200 ms
            unreachable-nodes-reaper-interval = 250 ms
            periodic-tasks-initial-delay = 200 ms
            seed-node-timeout = {{Ms(deadlines.Patience / 2)}}
            retry-unsuccessful-join-after = {{Ms(deadlines.Patience / 2)}}
            shutdown-after-unsuccessful-join-seed-nodes = off
            allow-weakly-up-members = 2 s
            failure-detector { implementation-class = "{{typeof(WitnessedFailureDetector).FullName}}, {{typeof(WitnessedFailureDetector).Assembly.GetName().Name}}", heartbeat-interval = {{Ms(deadlines.Patience / 4)}}, acceptable-heartbeat-pause = {{Ms(deadlines.AkkaPause)}}, expected-response-after = {{Ms(deadlines.Patience / 4)}}, threshold = 8.0 }
            downing-provider-class = "Akka.Cluster.SBR.SplitBrainResolverProvider, Akka.Cluster"
            split-brain-resolver { active-strategy = keep-majority, stable-after = {{Ms(deadlines.ResolverMargin)}}, down-all-when-unstable = off, keep-majority { role = {{Roles.Control}} } }
            run-coordinated-shutdown-when-down = on
            singleton { min-number-of-hand-over-retries = 15, hand-over-retry-interval = 500 ms }
          }
          coordinated-shutdown {
            exit-clr = off
            run-by-clr-shutdown-hook = off
            run-by-actor-system-terminate = off
            default-phase-timeout = {{Ms(deadlines.Patience / 2)}}
            phases {
              cluster-exiting { timeout = {{Ms(deadlines.Patience / 2)}} }
              cluster-exiting-done { timeout = {{Ms(deadlines.Patience / 2)}} }
              cluster-sharding-shutdown-region { timeout = {{Ms(deadlines.Patience / 2)}} }
              cluster-leave { timeout = {{Ms(deadlines.Patience / 2)}} }
              cluster-shutdown { timeout = {{Ms(deadlines.Patience / 2)}} }
              actor-system-terminate { timeout = {{Ms(deadlines.Patience)}} }
            }
          }
        }
        """);

    private static string Ms(TimeSpan time) => $"{(long)time.TotalMilliseconds} ms";
}
