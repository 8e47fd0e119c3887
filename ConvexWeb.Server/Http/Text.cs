namespace ConvexWeb.Server.Http;

/// <summary>Text of a caller, fit to be shown back in a sentence.</summary>
public static class Text
{
    public static string Short(string text) => text.Length <= 60 ? text : text[..57] + "…";
}
