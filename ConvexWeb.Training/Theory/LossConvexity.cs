using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Theory;

/// <summary>
/// Shows that the squared loss of a deep linear network is not convex in its weights (science.md S13.8; Kawaguchi 2016, arXiv 1605.07110).
/// At 0 with two matrices the Hessian is [0, −M; −Mᵀ, 0] with M made of C = Y·Xᵀ/m: its eigenvalues are ± the singular values of C.
/// With one matrix it is X·Xᵀ/m for each output, never negative: the control. With three or more every second derivative at 0 has a factor
/// 0, so a second place is looked at, small and random.
/// </summary>
public static class LossConvexity
{
    public const int MostLayers = 5;
    public const int MostWidth = 32;
    public const int MostInputs = 32;
    public const int Outputs = 4;

    private const int SamplesPerInput = 4;
    private const double NoiseDeviation = 0.1;
    private const double RandomDeviation = 0.1;

    // Rounding of an eigenvalue, as a share of the largest size in the spectrum.
    private const double Rounding = 1e-9;

    private const int SliceHalf = 20;

    /// <param name="layers">Weight matrices, from 1 to <see cref="MostLayers"/>.</param>
    /// <param name="width">Units of each hidden layer.</param>
    public static LossConvexityReport Run(
        int layers, int width, int inputs, ulong seed, TimeProvider clock, CancellationToken cancel = default)
    {
        var start = clock.GetTimestamp();
        var (x, y) = Draw(inputs, seed);
        var single = new DeepLinearLoss([inputs, Outputs], x, y);
        List<HessianReport> cases = [Look(HessianPlace.ControlAtZero, single, new double[single.Parameters], seed, cancel)];
        if (layers > 1)
        {
            var deep = new DeepLinearLoss([inputs, .. Enumerable.Repeat(width, layers - 1), Outputs], x, y);
            cases.Add(Look(HessianPlace.AtZero, deep, new double[deep.Parameters], seed, cancel));
            if (layers > 2)
            {
                var place = Normals.Of(deep.Parameters, SplitMix.Mix(seed, TheoryStreams.Weights));
                cases.Add(Look(HessianPlace.AtRandom, deep, Array.ConvertAll(place, w => RandomDeviation * w), seed, cancel));
            }
        }
        return new()
        {
            Layers = layers,
            Inputs = inputs,
            Width = width,
            Outputs = Outputs,
            Samples = x.Columns,
            Seed = seed,
            Cases = cases,
            Milliseconds = clock.GetElapsedTime(start).TotalMilliseconds,
        };
    }

    /// <summary>X [D, 4·D] of standard normal numbers, and Y = T·X + noise of a random teacher T [O, D].</summary>
    internal static (Matrix X, Matrix Y) Draw(int inputs, ulong seed)
    {
        var samples = SamplesPerInput * inputs;
        var x = new Matrix(inputs, samples, Normals.Of(inputs * samples, SplitMix.Mix(seed, TheoryStreams.Inputs)));
        var teacher = new Matrix(Outputs, inputs, Normals.Of(Outputs * inputs, SplitMix.Mix(seed, TheoryStreams.Teacher)));
        var noise = Normals.Of(Outputs * samples, SplitMix.Mix(seed, TheoryStreams.Noise));
        return (x, teacher * x + new Matrix(Outputs, samples, Array.ConvertAll(noise, v => NoiseDeviation * v)));
    }

    private static HessianReport Look(HessianPlace place, DeepLinearLoss loss, double[] at, ulong seed, CancellationToken cancel)
    {
        var ends = Lanczos.Of(
            v => loss.HessianTimes(at, v), loss.Parameters, SplitMix.Mix(seed, TheoryStreams.LanczosStart), cancel);
        var slice = Enumerable.Range(-SliceHalf, 2 * SliceHalf + 1).Select(step => (double)step / SliceHalf)
            .Select(t => new LossPlace(t, loss.Value([.. at.Zip(ends.SmallestVector, (w, v) => w + t * v)]))).ToList();
        var middle = slice[SliceHalf].Loss;
        return new()
        {
            Place = place,
            Says = Sentence(ends, loss.Layers),
            Layers = loss.Layers,
            Parameters = loss.Parameters,
            Loss = middle,
            GradientNorm = Math.Sqrt(loss.Gradient(at).Sum(g => g * g)),
            SmallestEigenvalue = ends.Smallest,
            LargestEigenvalue = ends.Largest,
            Residual = ends.Residual,
            Steps = ends.Steps,
            IsConverged = ends.IsConverged,
            Slice = slice,
            MidpointExcess = Enumerable.Range(1, SliceHalf)
                .Max(t => middle - (slice[SliceHalf - t].Loss + slice[SliceHalf + t].Loss) / 2),
        };
    }

    private static string Sentence(SpectrumEnds ends, int layers)
    {
        var size = Math.Max(Math.Abs(ends.Smallest), Math.Abs(ends.Largest));
        return size == 0 ? "The Hessian vanishes here, so it says nothing about convexity."
            : ends.Smallest < -Rounding * size ? "A negative eigenvalue: the loss is not convex in the weights."
            : layers == 1 ? "No negative eigenvalue; the loss of one matrix is quadratic, so this holds everywhere: it is convex."
            : "No negative eigenvalue at this place, which does not decide about others.";
    }
}
