namespace Orchestrator.Tests;

/// <summary>Known answers and real data that lie beside the project on some machines; tests that need them are skipped where they are absent.</summary>
public static class SharedData
{
    private static readonly string? Root = Find();

    /// <summary>The full path of a file or folder of the shared data; skips the calling test, with the reason, where it does not exist.</summary>
    public static string Path(string relative)
    {
        var path = Root is null ? null : System.IO.Path.Combine(Root, "data", relative);
        Skip.If(path is null || (!File.Exists(path) && !Directory.Exists(path)), $"needs shared/data/{relative} beside the project, which this machine does not have");
        return path!;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("ORCHESTRATOR_SHARED") is { Length: > 0 } named)
        {
            return named;
        }

        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var candidate = System.IO.Path.Combine(at.FullName, "shared");
            if (Directory.Exists(System.IO.Path.Combine(candidate, "data")))
            {
                return candidate;
            }
        }

        return null;
    }
}
