using ConvexWeb.Server.Ingest;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Trainers;

/// <summary>What an attempt that is over has left in its journal.</summary>
internal static class JournalRest
{
    /// <summary>Stores what is behind a line, batch by batch.</summary>
    /// <param name="read">Reads on in the journal.</param>
    /// <param name="write">Stores a batch; false when that is not allowed any more.</param>
    /// <returns>Whether it was allowed to the end of the journal, and the trainer's last word, if it is there.</returns>
    public static async Task<(bool Owned, TrainingEvent? End)> StoreAsync(
        long line, Func<Task<JournalBatch>> read, Func<JournalBatch, Task<bool>> write)
    {
        TrainingEvent? end = null;
        JournalBatch batch;
        do
        {
            batch = await read();
            end = batch.End ?? end;
            var rest = batch.After(line);
            if (rest.Events.Count > 0 && !await write(rest)) return (Owned: false, end);
        }
        while (batch.More);
        return (Owned: true, end);
    }
}
