using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Runs;

/// <summary>What a person does with the model that a run has left.</summary>
public static class NextStep
{
    public static string After(Settings settings, OutputDirectory output)
    {
        var (model, reference, adapts) = (settings.Of(ModelKeys.Path), settings.Of(ModelKeys.Reference), Mapping.Lora(settings) is not null);
        if (Mapping.IsSft(settings))
        {
            return adapts
                ? $"orchestrator train RUN.yaml --set path={model} --set lora_r=0 --set adapter={output.Model} (the reference is then the model with this adapter)"
                : $"orchestrator train RUN.yaml --set path={output.Model} (model and reference of a run on pairs)";
        }

        var models = adapts
            ? $"--model {model} --adapter {output.Model}{(reference is null ? "" : $" --reference {reference}")}"
            : $"--model {output.Model} --reference {reference ?? model}";
        return $"orchestrator score {models} --data {settings.Of(DataKeys.Train)[0].Path}";
    }
}
