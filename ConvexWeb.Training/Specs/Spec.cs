using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Corruptions;
using ConvexWeb.Training.Datasets;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>The complete description of one training, without a seed.</summary>
public sealed record Spec
{
    public ModelOptions Model { get; init; } = new MlpOptions();
    public ConvexityOptions Convexity { get; init; } = new NoConvexityOptions();
    public DataOptions Data { get; init; } = new GlyphsOptions();
    public LabelOptions Labels { get; init; } = new TrueLabelOptions();
    public AugmentationOptions Augmentation { get; init; } = new();
    public OptimizerOptions Optimizer { get; init; } = new AdamOptions();
    public ScheduleOptions Schedule { get; init; } = new ConstantScheduleOptions();
    public TrainingOptions Training { get; init; } = new();
}

/// <summary>A section of the spec whose <c>name</c> field picks one entry of a catalogue.</summary>
public abstract record ChoiceOptions
{
    /// <summary>The entry's name in its catalogue, for example <c>mlp</c>.</summary>
    public string Name => Catalogue.EntryOf(GetType()).Name;
}
