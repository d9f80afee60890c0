namespace Orchestrator.Host.Verbs;

/// <summary>A file that a verb writes: beside, and under its name when it is whole.</summary>
internal sealed class OutputFile : IAsyncDisposable
{
    private readonly string _path;

    private OutputFile(string path) => (_path, Writer) = (path, new StreamWriter(path + ".tmp") { NewLine = "\n" });

    public StreamWriter Writer { get; }

    /// <param name="path">null: no file is asked for.</param>
    /// <exception cref="ArgumentException">There is such a file, and it may not be overwritten.</exception>
    /// <exception cref="DirectoryNotFoundException">Its folder does not exist.</exception>
    public static OutputFile? Open(string option, string? path, bool overwrite)
    {
        if (path is null)
        {
            return null;
        }

        path = Path.GetFullPath(path);
        return Directory.Exists(path) ? throw new ArgumentException($"{option} is {path}, which is a folder. Name a file.")
            : File.Exists(path) && !overwrite ? throw new ArgumentException($"{option} is {path}, which exists. Name another file, or replace it: --overwrite.")
            : !Directory.Exists(Path.GetDirectoryName(path)) ? throw new DirectoryNotFoundException($"{option} is {path}, whose folder does not exist. Make it first.")
            : new OutputFile(path);
    }

    /// <summary>The file is whole.</summary>
    public async Task CommitAsync()
    {
        await Writer.DisposeAsync();
        File.Move(_path + ".tmp", _path, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        File.Delete(_path + ".tmp");
    }
}
