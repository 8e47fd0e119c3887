namespace TorchSharp;

/// <summary>Disposes at its end every tensor that was made on its thread since its start and not moved out.</summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic] private static DisposeScope? current;

    private readonly DisposeScope? outer;
    private readonly HashSet<IDisposable> disposables = new(ReferenceEqualityComparer.Instance);
    private bool ended;

    internal DisposeScope()
    {
        outer = current;
        current = this;
    }

    internal static DisposeScope? Current => current;

    public int DisposablesCount => disposables.Count;

    public void Attach(IDisposable disposable)
    {
        disposables.Add(disposable);
        if (disposable is torch.Tensor tensor) tensor.Scope = this;
    }

    public bool Contains(IDisposable disposable) => disposables.Contains(disposable);

    /// <summary>Takes it out of every scope: its owner disposes it.</summary>
    public T Detach<T>(T disposable) where T : IDisposable
    {
        Forget(disposable);
        return disposable;
    }

    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        Forget(disposable);
        outer?.Attach(disposable);
        return disposable;
    }

    public void DisposeEverything()
    {
        foreach (var disposable in disposables.ToArray()) disposable.Dispose();
        disposables.Clear();
    }

    public void MarkAsDisposed(IDisposable disposable) => disposables.Remove(disposable);

    private void Forget(IDisposable disposable)
    {
        disposables.Remove(disposable);
        if (disposable is torch.Tensor tensor) tensor.Scope = null;
    }

    public void Dispose()
    {
        if (ended) return;
        ended = true;
        DisposeEverything();
        // Scopes end in the order of `using`; one that ends late must not revive an inner one.
        if (current == this) current = outer;
    }
}

public static partial class torch
{
    public static DisposeScope NewDisposeScope() => new();

    public static DisposeScope CurrentDisposeScope => DisposeScope.Current!;
}
