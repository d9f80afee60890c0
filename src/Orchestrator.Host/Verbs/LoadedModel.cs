using Orchestrator.Training.Models;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Verbs;

/// <summary>A model on its device thread, and its tokenizer: what the verbs need that use a model without training it.</summary>
public sealed class LoadedModel : IAsyncDisposable
{
    private readonly DeviceThread _thread;

    private LoadedModel(DeviceThread thread, CausalLM model) => (_thread, Model) = (thread, model);

    public CausalLM Model { get; }

    /// <param name="directory">In Hugging Face layout.</param>
    /// <param name="adapter">In PEFT's layout; null: none.</param>
    /// <param name="device">As cluster.device takes it.</param>
    public static async Task<LoadedModel> LoadAsync(string directory, string? adapter, string device, CancellationToken cancellation)
    {
        var choice = DeviceChoice.Parse(device);
        var thread = new DeviceThread(device);
        try
        {
            return new LoadedModel(thread, await thread.Run(() => ModelDirectory.Load(directory, choice.First(), adapter), cancellation));
        }
        catch
        {
            await thread.DisposeAsync();
            throw;
        }
    }

    public Task<T> Run<T>(Func<CausalLM, T> work, CancellationToken cancellation) => _thread.Run(() => work(Model), cancellation);

    public async ValueTask DisposeAsync()
    {
        await _thread.Run(Model.Dispose);
        await _thread.DisposeAsync();
    }
}
