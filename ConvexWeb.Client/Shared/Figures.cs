namespace ConvexWeb.Client.Shared;

/// <summary>How numbers are written: one way everywhere, so that columns line up.</summary>
public static class Figures
{
    public const string None = "–";

    /// <summary>Percent points with two decimals.</summary>
    public static string Percent(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("0.00") : value is null ? None : "NaN";

    /// <summary>As <see cref="Percent"/>, with a sign and a true minus.</summary>
    public static string Gap(double? value) =>
        value is { } v && double.IsFinite(v) ? v.ToString("+0.00;−0.00;0.00") : value is null ? None : "NaN";

    public static string Metric(double value) => !double.IsFinite(value) ? value.ToString()
        : value == 0 ? "0"
        : Math.Abs(value) is < 0.001 or >= 1e6 ? value.ToString("0.###e+0") : value.ToString("#,0.####");

    public static string Count(long value) => value.ToString("#,0");

    /// <summary>At most five characters, for where there is no room: 2.5, 4,321, 23.8k, 100k, 1.2M.</summary>
    public static string Short(double value) => value switch
    {
        < 100 => value.ToString("0.#"),
        < 9_999.5 => value.ToString("#,0"),
        < 999_950 => $"{value / 1e3:0.#}k",
        _ => $"{value / 1e6:0.#}M",
    };

    public static string Bytes(long value) => value switch
    {
        < 1024 => $"{value} B",
        < 1024 * 1024 => $"{value / 1024.0:0.0} KiB",
        < 1024L * 1024 * 1024 => $"{value / (1024.0 * 1024):0.0} MiB",
        _ => $"{value / (1024.0 * 1024 * 1024):0.00} GiB",
    };

    /// <summary>A length of time in its largest unit: 12 s, 3 min, 5 h, 2 d.</summary>
    public static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } => "0 s",
        { TotalMinutes: < 1 } => $"{(int)span.TotalSeconds} s",
        { TotalHours: < 1 } => $"{(int)span.TotalMinutes} min",
        { TotalDays: < 1 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} d",
    };

    /// <summary>A duration with two units: 1 h 05 min.</summary>
    public static string Duration(TimeSpan span) => span switch
    {
        { TotalMinutes: < 1 } => $"{Math.Max(0, span.TotalSeconds):0} s",
        { TotalHours: < 1 } => $"{span.Minutes} min {span.Seconds:00} s",
        _ => $"{(int)span.TotalHours} h {span.Minutes:00} min",
    };
}
