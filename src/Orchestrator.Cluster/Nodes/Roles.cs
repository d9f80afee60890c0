namespace Orchestrator.Cluster.Nodes;

/// <summary>Names that all nodes must agree on.</summary>
internal static class Roles
{
    public const string System = "orchestrator";
    public const string Control = "control";
    public const string Worker = "worker";
    public const string Coordinator = "coordinator";
    public const string Desk = "desk";
    public const string Witness = "witness";
}
