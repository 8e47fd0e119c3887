using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Datasets;

namespace ConvexWeb.Training.Models;

/// <summary>The layers of <c>Mlp</c> without building it: one place for names, sizes and which tensors the constraint covers.</summary>
internal static class MlpShape
{
    /// <summary>Sizes of the affine layers, input first.</summary>
    public static IReadOnlyList<(long In, long Out)> Affine(MlpOptions options, DatasetInfo data)
    {
        var sizes = new List<long> { data.Dimensions, (long)options.Width * options.FirstLayerMult };
        for (var i = 1; i < options.Depth; i++) sizes.Add(options.Width);
        sizes.Add(data.Classes);
        return [.. sizes.Zip(sizes.Skip(1))];
    }

    /// <summary>The activation's name with auto resolved: ELU under a constraint, ReLU without.</summary>
    public static string Activation(MlpOptions options, ConvexityOptions convexity)
        => options.Activation != "auto" ? options.Activation : convexity is NoConvexityOptions ? "relu" : "elu";

    public static IReadOnlyList<Layer> Layers(MlpOptions options, ConvexityOptions convexity, DatasetInfo data)
    {
        var constraint = convexity as ConstraintOptions;
        var affine = Affine(options, data);
        var layers = new List<Layer> { new("flatten", "Flatten", $"[B, {data.Dimensions}]", 0, [], 0) };
        for (var i = 0; i < affine.Count; i++)
        {
            var (fanIn, fanOut) = affine[i];
            var output = $"[B, {fanOut}]";
            // The first affine layer keeps its sign: it is affine in the input.
            layers.Add(new($"fc{i + 1}", "Linear", output, fanIn * fanOut + fanOut, i > 0 && constraint is not null ? [$"fc{i + 1}.weight"] : [], fanIn * fanOut));
            if (i == affine.Count - 1) break;
            if (options.BatchNorm)
                layers.Add(new($"bn{i + 1}", "BatchNorm1d", output, 2 * fanOut, constraint is { ConstrainBnGamma: true } ? [$"bn{i + 1}.weight"] : [], fanOut));
            layers.Add(new($"act{i + 1}", Activation(options, convexity), output, 0, [], fanOut));
            if (options.Dropout > 0) layers.Add(new($"drop{i + 1}", "Dropout", output, 0, [], 0));
        }
        return layers;
    }
}
