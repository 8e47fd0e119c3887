namespace ConvexWeb.Training.Theory;

/// <summary>
/// L(W₁, …, W_L) = ‖W_L ⋯ W₁·X − Y‖² / 2m of a linear network without biases, with gradient and Hessian in closed form, in float64.
/// Shapes: X [D, m], Y [O, m]; W_k [widths[k], widths[k − 1]] with widths[0] = D and widths[L] = O. The parameters are one vector: W₁
/// first, each row by row. In P = W_L ⋯ W₁ alone, L is a convex quadratic.
/// </summary>
internal sealed class DeepLinearLoss
{
    private readonly int[] widths;
    private readonly Matrix inputs; // S = X·Xᵀ/m, [D, D]
    private readonly Matrix cross; // C = Y·Xᵀ/m, [O, D]
    private readonly double targets; // ‖Y‖²/m

    /// <param name="x">[D, m].</param>
    /// <param name="y">[O, m].</param>
    public DeepLinearLoss(int[] widths, Matrix x, Matrix y)
    {
        this.widths = widths;
        var scale = 1.0 / x.Columns;
        (inputs, cross) = (Scaled(x * x.Transposed(), scale), Scaled(y * x.Transposed(), scale));
        targets = y.Dot(y) * scale;
        Parameters = Enumerable.Range(1, Layers).Sum(k => widths[k] * widths[k - 1]);
    }

    /// <summary>L, the number of weight matrices.</summary>
    public int Layers => widths.Length - 1;

    public int Parameters { get; }

    public double Value(double[] at)
    {
        var product = Products(Split(at))[^1];
        return 0.5 * ((product * inputs).Dot(product) - 2 * product.Dot(cross) + targets);
    }

    /// <summary>∂L/∂W_k = B_k·A_{k−1}ᵀ with A_k = W_k ⋯ W₁ and B_k = (W_L ⋯ W_{k+1})ᵀ·(P·S − C).</summary>
    public double[] Gradient(double[] at)
    {
        var weights = Split(at);
        var before = Products(weights);
        var behind = before[^1] * inputs - cross;
        var parts = new Matrix[Layers];
        for (var k = Layers; k >= 1; k--)
        {
            parts[k - 1] = behind * before[k - 1].Transposed();
            behind = weights[k - 1].Transposed() * behind;
        }
        return Join(parts);
    }

    /// <summary>
    /// H·v: the derivative of the gradient along v, by the product rule on each of its factors (Pearlmutter 1994). O(L·width³).
    /// </summary>
    public double[] HessianTimes(double[] at, double[] v)
    {
        var (weights, moves) = (Split(at), Split(v));
        var before = Products(weights);
        var beforeMoves = new Matrix[Layers + 1];
        beforeMoves[0] = new(widths[0], widths[0]);
        for (var k = 1; k <= Layers; k++) beforeMoves[k] = moves[k - 1] * before[k - 1] + weights[k - 1] * beforeMoves[k - 1];
        var (behind, behindMove) = (before[^1] * inputs - cross, beforeMoves[^1] * inputs);
        var parts = new Matrix[Layers];
        for (var k = Layers; k >= 1; k--)
        {
            parts[k - 1] = behindMove * before[k - 1].Transposed() + behind * beforeMoves[k - 1].Transposed();
            var transposed = weights[k - 1].Transposed();
            behindMove = moves[k - 1].Transposed() * behind + transposed * behindMove;
            behind = transposed * behind;
        }
        return Join(parts);
    }

    // A_0 = identity, A_k = W_k·A_{k−1}.
    private Matrix[] Products(Matrix[] weights)
    {
        var products = new Matrix[Layers + 1];
        products[0] = Matrix.Identity(widths[0]);
        for (var k = 1; k <= Layers; k++) products[k] = weights[k - 1] * products[k - 1];
        return products;
    }

    private Matrix[] Split(double[] parameters)
    {
        var (parts, at) = (new Matrix[Layers], 0);
        for (var k = 1; k <= Layers; k++)
        {
            var size = widths[k] * widths[k - 1];
            parts[k - 1] = new(widths[k], widths[k - 1], parameters[at..(at + size)]);
            at += size;
        }
        return parts;
    }

    private static double[] Join(Matrix[] parts) => [.. parts.SelectMany(part => part.Values)];

    private static Matrix Scaled(Matrix matrix, double scale)
        => new(matrix.Rows, matrix.Columns, [.. matrix.Values.Select(v => v * scale)]);
}
