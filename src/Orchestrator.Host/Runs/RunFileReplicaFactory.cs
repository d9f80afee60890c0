using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Training;

namespace Orchestrator.Host.Runs;

/// <summary>Makes the replica that the run file of the job describes: a worker needs no run file of its own.</summary>
/// <param name="device">This worker's device.</param>
/// <param name="threads">null leaves libtorch's own choice.</param>
/// <param name="timeline">Is told where the replica's time goes.</param>
public sealed class RunFileReplicaFactory(string device, int? threads, Timeline? timeline = null) : IReplicaFactory
{
    public Task<IReplica> CreateAsync(Job job, IReadOnlyDictionary<string, string> files, IBufferProvider memory, CancellationToken cancellation)
    {
        var settings = SettingsReader.ReadSaved(job.RunFile, "the run's own run file");
        return new ReplicaFactory(Mapping.Replica(settings, device, threads), timeline).CreateAsync(job, files, memory, cancellation);
    }
}
