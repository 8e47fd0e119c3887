namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>What a network does with corrupted training labels, in percent (science.md M).</summary>
/// <param name="FitRate">Of the images whose label differs from the truth: predicted as that wrong label.</param>
/// <param name="RecoveryRate">Of the same images: predicted as the truth.</param>
/// <param name="CleanAccuracy">Of the images whose label is true: predicted right; null where there is none.</param>
public sealed record Memorisation(double FitRate, double RecoveryRate, double? CleanAccuracy);
