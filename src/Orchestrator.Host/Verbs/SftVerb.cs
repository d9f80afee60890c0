using System.CommandLine;
using Orchestrator.Host.Runs;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator sft`: maximum likelihood with a run file of any loss; the model it leaves can be the model of a `train` run.</summary>
public static class SftVerb
{
    public static Command Command()
    {
        var file = new Argument<string>("run") { Description = "The run file; of pairs the chosen answers are learnt. Its loss, and what belongs to a reference, is passed over." };
        var options = new TrainOptions();
        var command = new Command("sft", "Fit a model to completions (maximum likelihood): chosen answers, prompt and completion, or conversations.") { file };
        options.AddTo(command);
        command.SetAction((parsed, stop) =>
        {
            var (overrides, resume) = (options.Overrides(parsed), options.Resumes(parsed));
            var (settings, output) = TrainVerb.Read(parsed.GetRequiredValue(file), overrides);
            return TrainVerb.RunAsync(SftSettings.Of(settings), SftSettings.Output(settings, output, overrides), resume, options.Trace(parsed), stop);
        });
        return command;
    }
}
