using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Models;

/// <summary>What every model's parameters have in common: nothing but the catalogue.</summary>
public abstract record ModelOptions : ChoiceOptions;
