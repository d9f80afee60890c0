using Orchestrator.Core;

namespace Orchestrator.Chaos.Faults;

/// <summary>Which fault comes next: a deck of all kinds, shuffled by the seed, and shuffled again when it is used up. So every kind comes, in any order.</summary>
/// <param name="links">True where links can be cut.</param>
internal sealed class FaultDeck(long seed, bool links)
{
    private static readonly (FaultKind Kind, int Cards)[] Cards =
    [
        (FaultKind.WorkerHostKilled, 2), (FaultKind.WorkerKilled, 3), (FaultKind.TwoWorkersKilled, 1), (FaultKind.WorkerStopped, 2), (FaultKind.WorkerPaused, 1),
        (FaultKind.WorkerLeaves, 2), (FaultKind.WorkerJoins, 1), (FaultKind.WorkerCut, 2), (FaultKind.CoordinatorKilled, 2), (FaultKind.CoordinatorStopped, 1),
        (FaultKind.CoordinatorLeaves, 1), (FaultKind.CoordinatorCut, 1), (FaultKind.StandbyKilled, 1), (FaultKind.StandbyCut, 1),
    ];

    private readonly SplitMix64 _dice = new(seed, stream: 4);
    private readonly Queue<FaultKind> _deck = [];

    public FaultKind Next()
    {
        if (_deck.Count == 0)
        {
            var cards = Cards.SelectMany(card => Enumerable.Repeat(card.Kind, card.Cards)).Where(kind => links || !kind.ToString().EndsWith("Cut", StringComparison.Ordinal)).ToArray();
            _dice.Shuffle(cards);
            foreach (var card in cards)
            {
                _deck.Enqueue(card);
            }
        }

        return _deck.Dequeue();
    }

    public T Pick<T>(IReadOnlyList<T> from) => from[_dice.Next(from.Count)];

    public TimeSpan Between(double least, double most) => TimeSpan.FromSeconds(least + (most - least) * _dice.Next(1000) / 1000.0);
}
