namespace Orchestrator.Host.Runs;

/// <summary>Paths compared by where they lead: absolute, without ".." and without links. What does not exist yet is taken as it is written.</summary>
public static class RealPath
{
    public static string Of(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } folder)
        {
            return full;
        }

        var here = Path.Combine(Of(folder), Path.GetFileName(full));
        return new FileInfo(here).LinkTarget is null ? here : Of(File.ResolveLinkTarget(here, returnFinalTarget: true)!.FullName);
    }

    /// <summary>Whether a path is the folder or lies in it.</summary>
    public static bool IsWithin(string path, string folder)
    {
        var (inner, outer) = (Of(path), Of(folder));
        return inner == outer || inner.StartsWith(Path.EndsInDirectorySeparator(outer) ? outer : outer + Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }
}
