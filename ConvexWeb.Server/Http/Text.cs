using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>Text of a caller, or of a trainer: what may come in, and how it is cut to be stored or shown.</summary>
public static class Text
{
    public static string Short(string text) => Cut(text, 58, "…");

    /// <summary>
    /// At most <paramref name="length"/> characters and then <paramref name="end"/>; never half of a character that takes two.
    /// </summary>
    public static string Cut(string text, int length, string end)
    {
        if (text.Length <= length + end.Length) return text;
        return text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)] + end;
    }

    /// <summary>
    /// Whether a text can be stored and shown: without control characters (PostgreSQL takes no NUL) and without halves of characters.
    /// </summary>
    public static bool IsPlain(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) || char.IsLowSurrogate(text[i])) return false;
            if (char.IsHighSurrogate(text[i]) && (++i == text.Length || !char.IsLowSurrogate(text[i]))) return false;
        }
        return true;
    }

    /// <returns>What is wrong with the text of a field; null when nothing is.</returns>
    public static FieldProblem? Problem(string path, string? text) => text is null || IsPlain(text) ? null : NotPlain(path);

    public static FieldProblem NotPlain(string path)
    {
        var what = path.Length == 0 ? "The name of a field" : path;
        return new(path, $"{what} must be one line of text, without control characters and half characters.");
    }
}
