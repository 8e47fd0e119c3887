using MudBlazor;

namespace ConvexWeb.Client.Shared.Theme;

/// <summary>
/// The only place with colours, but for those of runs (RunColours). Every text holds 4.5:1 against its background, every line of a
/// control and every mark of a state 3:1; a test computes both. A <c>…Lighten</c> is the soft ground that its colour is written on.
/// </summary>
public static class ConvexTheme
{
    /// <summary>Which element's attribute chooses: theme.js sets it before the first paint.</summary>
    private const string DarkScope = ":root[data-theme='dark']";

    private static MudTheme Make(string scope) => new()
    {
        PseudoCss = new() { Scope = scope },
        PaletteLight = LightPalette,
        PaletteDark = DarkPalette,
        Typography = Type,
        LayoutProperties = new() { DefaultBorderRadius = "6px", DrawerWidthLeft = "220px", AppbarHeight = "48px" },
    };

    private static PaletteLight LightPalette { get; } = new()
    {
        Primary = "#4338ca",
        PrimaryContrastText = "#ffffff",
        PrimaryDarken = "#372ea6",
        PrimaryLighten = "#eceafd",
        Secondary = "#565d6a",
        SecondaryContrastText = "#ffffff",
        Info = "#4338ca",
        InfoContrastText = "#ffffff",
        InfoDarken = "#372ea6",
        InfoLighten = "#eceafd",
        Success = "#0b6b43",
        SuccessContrastText = "#ffffff",
        SuccessDarken = "#0b6b43",
        SuccessLighten = "#e2f4ea",
        Warning = "#7d4e00",
        WarningContrastText = "#ffffff",
        WarningDarken = "#7d4e00",
        WarningLighten = "#fdf1d9",
        Error = "#b3261e",
        ErrorContrastText = "#ffffff",
        ErrorDarken = "#b3261e",
        ErrorLighten = "#fce9e7",
        Dark = "#191c22",
        DarkContrastText = "#ffffff",
        TextPrimary = "#191c22",
        TextSecondary = "#565d6a",
        TextDisabled = "#565d6a",
        ActionDefault = "#565d6a",
        ActionDisabled = "#868d99",
        ActionDisabledBackground = "#eff1f4",
        Background = "#f7f8fa",
        BackgroundGray = "#eff1f4",
        Surface = "#ffffff",
        AppbarBackground = "#ffffff",
        AppbarText = "#191c22",
        DrawerBackground = "#ffffff",
        DrawerText = "#565d6a",
        DrawerIcon = "#565d6a",
        LinesDefault = "#dfe2e8",
        LinesInputs = "#868d99",
        TableLines = "#dfe2e8",
        TableHover = "#f4f5f8",
        TableStriped = "#f7f8fa",
        Divider = "#dfe2e8",
        DividerLight = "#eceef2",
        Skeleton = "#e4e7ec",
        HoverOpacity = 0.1,
        BorderOpacity = 0.5,
    };

    private static PaletteDark DarkPalette { get; } = new()
    {
        Primary = "#aab0ff",
        PrimaryContrastText = "#14163a",
        PrimaryDarken = "#c3c7ff",
        PrimaryLighten = "#262650",
        Secondary = "#a2a9b6",
        SecondaryContrastText = "#171a20",
        Info = "#aab0ff",
        InfoContrastText = "#14163a",
        InfoDarken = "#c3c7ff",
        InfoLighten = "#262650",
        Success = "#63d39c",
        SuccessContrastText = "#0c2116",
        SuccessDarken = "#63d39c",
        SuccessLighten = "#14301f",
        Warning = "#e7b85b",
        WarningContrastText = "#2a1f08",
        WarningDarken = "#e7b85b",
        WarningLighten = "#33270d",
        Error = "#ff958c",
        ErrorContrastText = "#310d09",
        ErrorDarken = "#ff958c",
        ErrorLighten = "#3c1916",
        Dark = "#e7e9ee",
        DarkContrastText = "#171a20",
        TextPrimary = "#e7e9ee",
        TextSecondary = "#a2a9b6",
        TextDisabled = "#a2a9b6",
        ActionDefault = "#a2a9b6",
        ActionDisabled = "#757d8c",
        ActionDisabledBackground = "#1f232b",
        Background = "#101216",
        BackgroundGray = "#1f232b",
        Surface = "#171a20",
        AppbarBackground = "#171a20",
        AppbarText = "#e7e9ee",
        DrawerBackground = "#171a20",
        DrawerText = "#a2a9b6",
        DrawerIcon = "#a2a9b6",
        LinesDefault = "#2b303a",
        LinesInputs = "#757d8c",
        TableLines = "#2b303a",
        TableHover = "#1c2028",
        TableStriped = "#1a1d24",
        Divider = "#2b303a",
        DividerLight = "#242932",
        Skeleton = "#262b34",
        HoverOpacity = 0.14,
        BorderOpacity = 0.5,
    };

    private static Typography Type { get; } = new()
    {
        Default = new DefaultTypography { FontFamily = Family, FontSize = "14px", LineHeight = "20px", LetterSpacing = "normal" },
        H1 = new H1Typography
        {
            FontFamily = Family, FontSize = "20px", FontWeight = "650", LineHeight = "28px", LetterSpacing = "-0.01em",
        },
        H2 = new H2Typography { FontFamily = Family, FontSize = "16px", FontWeight = "600", LineHeight = "24px", LetterSpacing = "normal" },
        H3 = new H3Typography { FontFamily = Family, FontSize = "13px", FontWeight = "600", LineHeight = "20px", LetterSpacing = "normal" },
        H6 = new H6Typography { FontFamily = Family, FontSize = "16px", FontWeight = "600", LineHeight = "24px", LetterSpacing = "normal" },
        Body1 = new Body1Typography { FontFamily = Family, FontSize = "14px", LineHeight = "20px", LetterSpacing = "normal" },
        Body2 = new Body2Typography { FontFamily = Family, FontSize = "13px", LineHeight = "20px", LetterSpacing = "normal" },
        Button = new ButtonTypography
        {
            FontFamily = Family, FontSize = "13px", FontWeight = "500", LineHeight = "20px", LetterSpacing = "normal",
            TextTransform = "none",
        },
        Caption = new CaptionTypography { FontFamily = Family, FontSize = "12px", LineHeight = "16px", LetterSpacing = "normal" },
    };

    private static string[] Family => ["Inter Variable", "system-ui", "sans-serif"];

    // Last, because they are made of the above.
    public static MudTheme Light { get; } = Make(":root");

    /// <summary>The same theme, whose dark palette holds where the page is dark.</summary>
    public static MudTheme Dark { get; } = Make(DarkScope);
}
