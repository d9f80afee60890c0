namespace Orchestrator.Training.Data.Templates;

/// <summary>A template could not be read or rendered. The template's name is added by <see cref="ChatTemplate"/>.</summary>
/// <param name="line">From 1; 0 where only the renderer knows it.</param>
internal sealed class TemplateError(string problem, int line = 0) : Exception(problem)
{
    public int Line => line;
}
