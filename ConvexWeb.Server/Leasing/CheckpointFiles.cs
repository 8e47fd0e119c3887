using System.Security.Cryptography;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Server.Leasing;

/// <summary>What can be said of a checkpoint's file, and of one that is not there.</summary>
public static class CheckpointFiles
{
    /// <summary>What is said of a checkpoint whose file a node does not find.</summary>
    public const string NotHere = "The checkpoint is known, but its file is not in the data folder of this node.";

    private const int Part = 4 << 20; // bytes of a copy between two signs of life
    private const int PartsAtOnce = 16;

    /// <summary>Copies a file that may be replaced by another one meanwhile.</summary>
    /// <param name="durable">Whether it is to be there after a power cut.</param>
    /// <param name="goesOn">Told after each part.</param>
    /// <returns>The SHA-256 of what was copied, in hexadecimal.</returns>
    public static string Copy(string from, string to, bool durable, Action goesOn)
    {
        using var source = RegularFile.Open(from);
        using var target = File.Create(to);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var part = new byte[Part];
        var unflushed = 0;
        for (int read; (read = source.Read(part)) > 0; goesOn())
        {
            hash.AppendData(part, 0, read);
            target.Write(part, 0, read);
            if (!durable || ++unflushed < PartsAtOnce) continue;
            target.Flush(flushToDisk: true); // not all at the end, where it would be long without a sign of life
            unflushed = 0;
        }
        if (durable) target.Flush(flushToDisk: true); // before it is renamed: a power cut leaves it whole or not there
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The step that the file itself tells; the stream is at its beginning again.</summary>
    public static long? StepIn(FileStream file)
    {
        var step = SafeTensorsHeader.StepOf(file, file.Name);
        file.Position = 0;
        return step;
    }
}
