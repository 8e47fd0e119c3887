namespace ConvexWeb.Training.Theory;

/// <summary>A sample or a size for which there is no construction; the message is one sentence.</summary>
public class TheoryException(string message) : Exception(message);

/// <summary>Two points are the same, so no function has two values there. Indices from 0, in the sample's order.</summary>
public sealed class DuplicatePointsException(int first, int second) : TheoryException(
    $"Points {first} and {second} are equal; Theorem 1 is about distinct points, and moving one of them would change the sample.")
{
    public int First { get; } = first;

    public int Second { get; } = second;
}
