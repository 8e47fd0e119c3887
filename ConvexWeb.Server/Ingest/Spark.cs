using System.Text.Json;

namespace ConvexWeb.Server.Ingest;

/// <summary>
/// The small history behind a run's sparkline: [epoch, train accuracy, test accuracy] at even distances, and always the newest.
/// Any epoch may come again, and a resumed run goes back: later epochs are then dropped.
/// </summary>
public sealed class Spark
{
    private const int Most = 24;
    private readonly double stride;
    private readonly List<double[]> points;

    private Spark(List<double[]> points, int epochs) => (this.points, stride) = (points, Math.Ceiling(epochs / (Most - 1.0)));

    public static Spark Read(string json, int epochs) => new(JsonSerializer.Deserialize<List<double[]>>(json) ?? [], epochs);

    public string ToJson() => JsonSerializer.Serialize(points);

    public void Rewind(double epoch) => points.RemoveAll(point => point[0] > epoch + 1e-9);

    public void Add(double epoch, double train, double test)
    {
        if (!double.IsFinite(train) || !double.IsFinite(test)) return;
        Rewind(epoch);
        points.RemoveAll(point => point[0] >= epoch);

        // The newest stays only for as long as it is the newest, unless its turn has come.
        if (points.Count > 1 && points[^1][0] - points[^2][0] < stride) points.RemoveAt(points.Count - 1);
        points.Add([epoch, train, test]);
    }
}
