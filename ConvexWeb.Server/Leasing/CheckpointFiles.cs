using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Leasing;

/// <summary>What can be said of a checkpoint's file, and of one that is not there.</summary>
public static class CheckpointFiles
{
    /// <summary>What is said of a checkpoint whose file a node does not find.</summary>
    public const string NotHere = "The checkpoint is known, but its file is not in the data folder of this node.";

    /// <summary>The step that the file itself tells; the stream is at its beginning again.</summary>
    public static long? StepIn(FileStream file)
    {
        var step = SafeTensorsHeader.StepOf(file, file.Name);
        file.Position = 0;
        return step;
    }
}
