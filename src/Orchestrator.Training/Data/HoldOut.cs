using System.IO.Hashing;
using System.Runtime.InteropServices;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>
/// Which rows are kept from training to evaluate on. A row's prompt and the seed decide, not its place: rows of one prompt are all on one side,
/// and a row stays on its side when others come or go. Where rows have no prompt (one token at most), the whole row decides.
/// </summary>
/// <param name="Share">Of all rows, in (0, 1); what is held out comes near it, the nearer the more prompts there are.</param>
/// <param name="Target">The .pairs file for them.</param>
public sealed record HoldOut(double Share, long Seed, string Target)
{
    internal bool Takes(EncodedRow whole)
    {
        var hash = new XxHash64(Seed);
        hash.Append(MemoryMarshal.AsBytes(whole.Prompt.AsSpan()));
        if (whole.Prompt.Length <= 1)
        {
            hash.Append(MemoryMarshal.AsBytes(whole.Chosen.AsSpan()));
            hash.Append(MemoryMarshal.AsBytes(whole.Rejected.AsSpan()));
        }

        return (hash.GetCurrentHashAsUInt64() >> 11) * (1.0 / (1UL << 53)) < Share;
    }
}
