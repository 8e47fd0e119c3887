namespace ConvexWeb.Client.Shared.Feedback;

/// <summary>
/// What a page has asked for, and the answer or error that it got. Answers may overtake one another, and the page may have gone on to
/// something else meanwhile: an answer to an older question changes nothing.
/// </summary>
public sealed class Latest<T>(Backend backend)
{
    private int asked;
    private int answered;

    /// <summary>The newest good answer.</summary>
    public T? Value { get; private set; }

    /// <summary>Why the newest question has no answer, in a sentence for the user; null when it has one.</summary>
    public string? Error { get; private set; }

    /// <summary>Whether a question has been answered, well or not.</summary>
    public bool IsRead { get; private set; }

    /// <summary>Asks; false when a newer answer, or <see cref="Forget"/>, has overtaken this one.</summary>
    public async Task<bool> AskAsync(Func<Task<T>> ask)
    {
        var question = ++asked;
        T? found = default;
        var ended = false;
        var failure = await backend.TryAsync(async () =>
        {
            found = await ask();
            ended = true;
        });
        // One that was cancelled has no answer, which is not an answer of nothing.
        if (question <= answered || (failure is null && !ended)) return false;
        (answered, Error, IsRead) = (question, failure, true);
        if (failure is null) Value = found;
        return true;
    }

    /// <summary>Takes a value that came by another way; questions that are under way are not heard any more.</summary>
    public void Take(T value)
    {
        Forget();
        (Value, IsRead) = (value, true);
    }

    /// <summary>As at the beginning: for another object on the same page.</summary>
    public void Forget()
    {
        answered = asked;
        (Value, Error, IsRead) = (default, null, false);
    }
}
