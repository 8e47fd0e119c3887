namespace ConvexWeb.Training.Theory;

/// <summary>
/// The unevaluated sum of two float64, some 106 bits. Sums and products by Dekker 1971 and Knuth, TAOCP 2, 4.2.2; relative error of an
/// operation below 2⁻¹⁰⁰ unless terms cancel.
/// </summary>
internal readonly record struct DoubleDouble(double High, double Low)
{
    /// <summary>a + b, exactly.</summary>
    public static DoubleDouble Sum(double a, double b)
    {
        var sum = a + b;
        var part = sum - a;
        return new(sum, (a - (sum - part)) + (b - part));
    }

    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        var (high, low) = Sum(a.High, b.High);
        return Sum(high, low + (a.Low + b.Low));
    }

    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        var product = a.High * b.High;
        var rest = Math.FusedMultiplyAdd(a.High, b.High, -product) + (a.High * b.Low + a.Low * b.High);
        return Sum(product, rest);
    }
}
