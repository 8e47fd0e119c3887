using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Models;

/// <summary>What every model's parameters have in common: the catalogue, and that they say what network they stand for.</summary>
public abstract record ModelOptions : ChoiceOptions
{
    /// <summary>The network for such images, under such a constraint. Builds nothing native.</summary>
    /// <exception cref="ImpossiblePlanException">The images do not fit the model.</exception>
    public abstract Plan Plan(ConvexityOptions convexity, DatasetInfo data);

    /// <summary>The parameter that is easiest to lower where a network is too large.</summary>
    internal virtual string SizeParameter => "name";

    /// <summary>Shape of one image of a data set.</summary>
    protected static IReadOnlyList<long> ImageShape(DatasetInfo data) => [data.Channels, data.Height, data.Width];

    /// <summary>An activation's name with auto resolved: ELU under a constraint, the source's own without.</summary>
    protected static string Resolve(string activation, ConvexityOptions convexity, string plain = "relu")
        => activation != "auto" ? activation : convexity is NoConvexityOptions ? plain : "elu";
}
