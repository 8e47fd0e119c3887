namespace ConvexWeb.Training.Theory;

/// <summary>
/// The form with K outputs, which share a and b: 1 at the points of a class, 0 at all others; the largest output is the class.
/// </summary>
internal static class OutputForm
{
    public static OutputsReport Measure(SortedSample sorted, LabelledPoints sample, double[] fresh, CancellationToken cancel)
    {
        var network = TheoremOne.Build(sorted, TheoremOne.OneHot(sample.Labels, sample.Classes));
        var (own, unseen) = (new Largest(sorted.Z.Length), new Largest(fresh.Length));
        var worst = 0.0;
        for (var k = 0; k < network.Outputs; k++)
        {
            cancel.ThrowIfCancellationRequested();
            // By pieces, since n² terms for each of K outputs would take seconds; a test compares the two ways.
            var line = network.Line(k);
            for (var i = 0; i < sorted.Z.Length; i++)
            {
                var value = line.At(sorted.Z[i]);
                worst = Math.Max(worst, Math.Abs(value - (sample.Labels[sorted.Order[i]] == k ? 1 : 0)));
                own.Take(i, k, value);
            }
            for (var i = 0; i < fresh.Length; i++) unseen.Take(i, k, line.At(fresh[i]));
        }
        return new(
            network.StoredNumbers, own.Accuracy(i => sample.Labels[sorted.Order[i]]), worst, unseen.Accuracy(i => sample.FreshLabels[i]));
    }

    /// <summary>The class of the largest output so far, of each point; the first one of equal ones.</summary>
    private sealed class Largest(int count)
    {
        private readonly double[] values = new double[count];
        private readonly int[] classes = new int[count];

        public void Take(int point, int output, double value)
        {
            if (output == 0 || value > values[point]) (values[point], classes[point]) = (value, output);
        }

        public double Accuracy(Func<int, int> label)
            => 100.0 * Enumerable.Range(0, classes.Length).Count(i => classes[i] == label(i)) / classes.Length;
    }
}
