using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Orchestrator.Host.Verbs;

/// <summary>Options that several verbs share, and checks of their values.</summary>
internal static class VerbOptions
{
    /// <summary>Text stays readable; one object a line.</summary>
    public static JsonSerializerOptions JsonStyle { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Option<bool> Json() => new("--json") { Description = "Machine-readable output." };

    public static Option<string?> Trace() => new("--trace") { Description = "File for a timeline of every step on this machine: Chrome's trace format, for chrome://tracing and Perfetto." };

    public static Option<string> Device() => new("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:N." };

    public static Option<string?> Adapter() => new("--adapter") { Description = "An adapter of the model, a folder in PEFT's layout." };

    /// <exception cref="ArgumentException">The value is outside [least, most].</exception>
    public static double Within(string option, double value, double least, double most) => value >= least && value <= most
        ? value
        : throw new ArgumentException($"{option} is {value}. Needed is a number {(least == double.Epsilon ? "above 0" : $"from {least}")} {(most >= int.MaxValue ? "upwards" : $"to {most}")}.");

    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    public static string Folder(string path) => Directory.Exists(path)
        ? Path.GetFullPath(path)
        : throw new DirectoryNotFoundException($"{path} is no folder here. Needed is a model in Hugging Face layout, or an adapter in PEFT's.");
}
