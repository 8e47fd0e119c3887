using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Catalog;

/// <summary>Entries of the catalogue as people call them; a name that the catalogue no longer has stands for itself.</summary>
public static class Titles
{
    public static string Title(this CatalogView catalog, string section, string name) =>
        catalog.Sections.FirstOrDefault(s => s.Key == section)?.Choices.FirstOrDefault(c => c.Name == name)?.Title ?? name;

    /// <summary>MLP · Unconstrained.</summary>
    public static string Network(this CatalogView catalog, RunRow row)
        => $"{catalog.Title("model", row.Model)} · {catalog.Title("convexity", row.Convexity)}";

    /// <summary>Glyphs · True labels.</summary>
    public static string Task(this CatalogView catalog, RunRow row)
        => $"{catalog.Title("data", row.Dataset)} · {catalog.Title("labels", row.Labels)}";
}
