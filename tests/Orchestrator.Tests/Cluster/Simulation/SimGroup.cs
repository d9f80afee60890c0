using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>
/// One generation on the data plane: its members meet, and reduce, until one of them leaves or dies; then all that is under way ends in errors
/// that name it. Who is silent (stopped, or cut off) is noticed only after the progress deadline.
/// </summary>
internal sealed class SimGroup(World world, IReadOnlyList<string> endpoints)
{
    private readonly SimDriver?[] _present = new SimDriver?[endpoints.Count];
    private readonly Dictionary<StepId, Reduction> _reductions = [];
    private int? _brokenBy;
    private bool _met;

    public int Size => _present.Length;

    public void Meet(SimDriver driver, int rank)
    {
        if (_brokenBy is { } breaker)
        {
            driver.FailAfter(world.Dice.Milliseconds(5, 500), "the generation has ended", breaker);
            return;
        }

        _present[rank] = driver;
        ConsiderMeeting();
        if (!_met)
        {
            WatchMeeting(driver, rank, world.Now);
        }
    }

    public void Leave(int rank)
    {
        _present[rank] = null;
        if (_met && Size > 1)
        {
            _brokenBy ??= rank;
        }

        for (var other = 0; other < Size; other++)
        {
            if (_present[other] is { } driver && driver.WaitsIn(this) && world.Dice.Chance(_met ? 1 : 0.5))
            {
                Break(driver, other, rank);
            }
        }
    }

    public void Reduce(SimDriver driver, int rank, StepId id, Part part)
    {
        if (_brokenBy is { } breaker)
        {
            driver.FailAfter(world.Dice.Milliseconds(0, 20), "a peer has gone", breaker);
            return;
        }

        if (!_reductions.TryGetValue(id, out var reduction))
        {
            _reductions[id] = reduction = new Reduction(Size);
        }

        if (reduction.AbortedBy is { } aborter)
        {
            driver.FailAfter(world.Dice.Milliseconds(0, 20), "a peer has cancelled it", aborter);
            return;
        }

        reduction.Put(rank, part, driver);
        Consider(reduction);
        if (!reduction.IsDone)
        {
            WatchReduction(reduction, driver, rank, world.Now, null);
        }
    }

    /// <summary>A rank gives the reduction up that it takes part in; its peers are told.</summary>
    public void Cancel(int rank, StepId id)
    {
        if (_reductions.TryGetValue(id, out var reduction))
        {
            Abort(reduction, rank);
        }
    }

    private void Abort(Reduction reduction, int rank)
    {
        if (reduction.AbortedBy is not null)
        {
            return;
        }

        reduction.AbortedBy = rank;
        for (var other = 0; other < Size; other++)
        {
            if (other != rank && reduction.Drivers[other] is { } driver && driver.WaitsIn(this))
            {
                Break(driver, other, rank);
            }
        }
    }

    /// <summary>Its peers are told; some may have got all they needed just before.</summary>
    private void Break(SimDriver driver, int rank, int breaker)
    {
        var finishes = _met && driver.IsFinishing && world.Dice.Chance(0.5);
        if (!finishes)
        {
            if (!_met)
            {
                _present[rank] = null;
            }

            driver.FailAfter(world.Dice.Milliseconds(0, 30), "a peer has gone", world.Dice.Chance(0.9) ? breaker : null);
        }
    }

    private void ConsiderMeeting()
    {
        if (_met || _present.Any(d => d is null) || FirstSilent() >= 0)
        {
            return;
        }

        _met = true;
        foreach (var driver in _present)
        {
            driver!.FinishAfter(world.Dice.Milliseconds(1, 20), driver.Here);
        }
    }

    private void WatchMeeting(SimDriver driver, int rank, TimeSpan since) => driver.WhileRunning(world.Dice.Milliseconds(100, 1000), () =>
    {
        if (_present[rank] != driver || !driver.WaitsIn(this))
        {
            return;
        }

        ConsiderMeeting();
        var absent = Enumerable.Range(0, Size).FirstOrDefault(r => _present[r] is null || world.WorkerAt(endpoints[r]) is not { Alive: true }, -1);
        var suspect = absent >= 0 ? absent : FirstSilent();
        if (_met || suspect < 0)
        {
            return;
        }

        if (world.WorkerAt(endpoints[suspect]) is not { Alive: true } || world.Now - since > world.Scenario.Rules.Deadlines.Connect)
        {
            _present[rank] = null;
            driver.FailAfter(TimeSpan.Zero, "a rank did not come", suspect);
        }
        else
        {
            WatchMeeting(driver, rank, since);
        }
    });

    private void Consider(Reduction reduction)
    {
        if (reduction.IsDone || reduction.AbortedBy is not null || _brokenBy is not null || !reduction.IsComplete || FirstSilent() >= 0)
        {
            return;
        }

        var gradient = reduction.Close();
        foreach (var driver in reduction.Drivers)
        {
            driver!.StageAfter(world.Dice.Milliseconds(1, 15), gradient);
        }
    }

    private void WatchReduction(Reduction reduction, SimDriver driver, int rank, TimeSpan since, TimeSpan? silentSince) =>
        driver.WhileRunning(world.Scenario.Rules.Deadlines.Progress / 4, () =>
        {
            Consider(reduction);
            if (reduction.IsDone || !driver.WaitsIn(this))
            {
                return;
            }

            var silent = FirstSilent(rank);
            var deadlines = world.Scenario.Rules.Deadlines;
            silentSince = silent < 0 ? null : silentSince ?? world.Now;
            if (world.Now - silentSince >= deadlines.Progress || world.Now - since >= deadlines.Work)
            {
                driver.FailAfter(TimeSpan.Zero, "no progress", silent >= 0 ? silent : reduction.FirstMissing);
                Abort(reduction, rank);
            }
            else
            {
                WatchReduction(reduction, driver, rank, since, silentSince);
            }
        });

    /// <summary>A rank that is stopped, or cut off from some other one; -1 if all hear each other.</summary>
    private int FirstSilent(int seenBy = -1)
    {
        for (var rank = 0; rank < Size; rank++)
        {
            if (_present[rank]?.Worker.Stopped ?? false)
            {
                return rank;
            }
        }

        for (var a = 0; world.Network.IsCutAnywhere && a < Size; a++)
        {
            for (var b = seenBy < 0 ? a + 1 : 0; b < Size && (seenBy < 0 || a == seenBy); b++)
            {
                if (_present[a] is { } one && _present[b] is { } other && one != other && world.Network.IsCut(one.Worker, other.Worker))
                {
                    return b;
                }
            }
        }

        return -1;
    }
}
