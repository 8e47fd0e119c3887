namespace ConvexWeb.Training.Options;

/// <summary>Makes a property of a spec record a parameter of the catalogue: its help text, range and allowed words.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ParameterAttribute(string help) : Attribute
{
    /// <summary>One line for the form and the API's documentation.</summary>
    public string Help { get; } = help;

    public string? Title { get; init; }

    /// <summary>Smallest allowed value (of each element, for a list); NaN for none.</summary>
    public double Min { get; init; } = double.NaN;

    /// <summary>Largest allowed value (of each element, for a list); NaN for none.</summary>
    public double Max { get; init; } = double.NaN;

    /// <summary>Of an enum: the members that are allowed, where not all are. Of a text: the words that are allowed.</summary>
    public object[]? Allowed { get; init; }
}
