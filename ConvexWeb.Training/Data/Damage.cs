using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>Turns what the framework says of a broken archive into one sentence that names the file.</summary>
internal static class Damage
{
    public static T Named<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException or NotRegularException)
        {
            throw new DatasetException(
                $"{Path.GetFileName(path)} in {Path.GetDirectoryName(path)} is damaged ({e.Message.TrimEnd('.')}); "
                + "delete it and fetch it again.", e);
        }
    }
}
