namespace Orchestrator.Tests.Training.Data.Templates;

/// <summary>A clock that stands still.</summary>
internal sealed class FixedClock(DateTimeOffset now) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public static FixedClock At(int year, int month, int day, int hour = 0, int minute = 0) => new(new DateTimeOffset(year, month, day, hour, minute, 0, TimeSpan.Zero));

    public override DateTimeOffset GetUtcNow() => now;
}
