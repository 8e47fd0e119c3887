using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Shared.Theme;
using MudBlazor;
using MudBlazor.Utilities;

namespace ConvexWeb.Tests.Client;

/// <summary>The theme's colours can be read: contrast as WCAG 2.2 has it, in both palettes.</summary>
public sealed class ThemeTests
{
    private static readonly Palette[] Palettes = [ConvexTheme.Light.PaletteLight, ConvexTheme.Dark.PaletteDark];

    [Fact]
    public void Text_has_four_and_a_half_to_one()
    {
        foreach (var palette in Palettes)
        {
            MudColor[] texts =
                [palette.TextPrimary, palette.TextSecondary, palette.Primary, palette.Success, palette.Warning, palette.Error];
            foreach (var text in texts)
            {
                foreach (var ground in new[] { palette.Background, palette.Surface, palette.BackgroundGray }) AtLeast(4.5, text, ground);
            }
            AtLeast(4.5, palette.PrimaryContrastText, palette.Primary);
            AtLeast(4.5, palette.ErrorContrastText, palette.Error);
            AtLeast(4.5, palette.Primary, new(palette.PrimaryLighten));
            AtLeast(4.5, palette.Success, new(palette.SuccessLighten));
            AtLeast(4.5, palette.Warning, new(palette.WarningLighten));
            AtLeast(4.5, palette.Error, new(palette.ErrorLighten));
        }
    }

    [Fact]
    public void Lines_of_controls_and_series_have_three_to_one()
    {
        foreach (var palette in Palettes)
        {
            AtLeast(3, palette.LinesInputs, palette.Surface);
            foreach (var colour in RunColours.All)
            {
                AtLeast(3, new(colour), palette.Surface);
                AtLeast(3, new(colour), palette.Background);
            }
        }
    }

    private static void AtLeast(double ratio, MudColor above, MudColor below)
    {
        var (high, low) = (Math.Max(Light(above), Light(below)), Math.Min(Light(above), Light(below)));
        var contrast = (high + 0.05) / (low + 0.05);
        Assert.True(contrast >= ratio, $"{above} on {below} has {contrast:0.00} to 1, of {ratio}");
    }

    // Relative luminance.
    private static double Light(MudColor colour) => 0.2126 * Part(colour.R) + 0.7152 * Part(colour.G) + 0.0722 * Part(colour.B);

    private static double Part(byte value)
    {
        var share = value / 255.0;
        return share <= 0.04045 ? share / 12.92 : Math.Pow((share + 0.055) / 1.055, 2.4);
    }
}
