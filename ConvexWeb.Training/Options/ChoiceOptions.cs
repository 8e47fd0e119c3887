namespace ConvexWeb.Training.Options;

/// <summary>A section of the spec whose <c>name</c> field picks one entry of a catalogue.</summary>
public abstract record ChoiceOptions
{
    /// <summary>The entry's name in its catalogue, for example <c>mlp</c>: that of the record's <see cref="ChoiceAttribute"/>.</summary>
    public string Name => ChoiceAttribute.NameOf(GetType());
}
