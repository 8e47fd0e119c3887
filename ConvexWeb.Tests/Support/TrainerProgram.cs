namespace ConvexWeb.Tests.Support;

/// <summary>The trainer beside the tests: <c>dotnet trainer/ConvexWeb.Training.dll</c>.</summary>
public static class TrainerProgram
{
    public const string Host = "dotnet";

    public static string File { get; } = Path.Combine(AppContext.BaseDirectory, "trainer", "ConvexWeb.Training.dll");
}
