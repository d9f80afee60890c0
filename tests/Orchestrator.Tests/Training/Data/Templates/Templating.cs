using System.Text.Json;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data.Templates;

/// <summary>Renders one template with variables written as JSON.</summary>
internal static class Templating
{
    public static string Render(string template, string variables = "{}", TimeProvider? clock = null)
    {
        using var json = JsonDocument.Parse(variables);
        var extra = json.RootElement.EnumerateObject().ToDictionary(variable => variable.Name, variable => (object?)variable.Value);
        return ChatTemplate.FromText(template, "test.jinja", clock).Render([], false, extra);
    }

    public static string Failure(string template, string variables = "{}") => Assert.Throws<InvalidDataException>(() => Render(template, variables)).Message;
}
