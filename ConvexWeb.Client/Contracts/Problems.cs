namespace ConvexWeb.Client.Contracts;

/// <summary>The caller asked for something that cannot be; every problem has its field and a sentence fit to be shown.</summary>
public sealed class InvalidInputException(IReadOnlyList<FieldProblem> problems)
    : Exception(string.Join(' ', problems.Select(problem => problem.Message)))
{
    public InvalidInputException(string path, string message) : this([new FieldProblem(path, message)])
    {
    }

    public IReadOnlyList<FieldProblem> Problems { get; } = problems;
}

/// <summary>The caller may not do this; the message says why and is fit to be shown.</summary>
public class AccessDeniedException(string message) : Exception(message);

/// <summary>The caller may do this once the password is typed again.</summary>
public sealed class PasswordAgainException() : AccessDeniedException(
    "Type your password again first: this session has not seen it for some minutes (POST /api/v1/sessions/password).");
