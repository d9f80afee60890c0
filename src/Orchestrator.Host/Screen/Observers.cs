using Orchestrator.Cluster;

namespace Orchestrator.Host.Screen;

/// <summary>Passes each event to several observers, in order. One that fails is told of, once, and left out: a full disk must not end a run.</summary>
public sealed class Observers(IEnumerable<IRunObserver> observers, Action<string> tell) : IRunObserver
{
    private readonly List<IRunObserver> _observers = [.. observers];

    public void On(RunEvent happened)
    {
        foreach (var observer in _observers.ToArray())
        {
            try
            {
                observer.On(happened);
            }
            catch (Exception error)
            {
                _observers.Remove(observer);
                tell($"WARNING: {observer.GetType().Name} has failed and records no more: {error.Message}");
            }
        }
    }
}

/// <summary>Calls something at each event.</summary>
public sealed class ObserverAction(Action<RunEvent> action) : IRunObserver
{
    public void On(RunEvent happened) => action(happened);
}
