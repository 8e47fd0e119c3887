using ConvexWeb.Training.Annealing;
using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Regularization;
using ConvexWeb.Training.Schedules;

namespace ConvexWeb.Training.Specs;

/// <summary>The complete description of one training, without a seed.</summary>
public sealed record Spec
{
    public ModelOptions Model { get; init; } = new MlpOptions();
    public ConvexityOptions Convexity { get; init; } = new NoConvexityOptions();
    public DataOptions Data { get; init; } = new GlyphsOptions();
    public LabelOptions Labels { get; init; } = new TrueLabelOptions();
    public PixelOptions Pixels { get; init; } = new TruePixelOptions();
    public AugmentationOptions Augmentation { get; init; } = new();
    public RegularizationOptions Regularization { get; init; } = new();
    public OptimizerOptions Optimizer { get; init; } = new AdamOptions();
    public ScheduleOptions Schedule { get; init; } = new ConstantScheduleOptions();
    public AnnealingOptions Annealing { get; init; } = new ConstantAnnealingOptions();
    public TrainingOptions Training { get; init; } = new();
}
