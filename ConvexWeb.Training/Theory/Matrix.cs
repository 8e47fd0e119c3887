namespace ConvexWeb.Training.Theory;

/// <summary>A small dense matrix in float64, row by row.</summary>
internal sealed class Matrix(int rows, int columns, double[] values)
{
    public Matrix(int rows, int columns) : this(rows, columns, new double[rows * columns])
    {
    }

    public int Rows => rows;

    public int Columns => columns;

    /// <summary>[Rows × Columns], row-major.</summary>
    public double[] Values => values;

    public static Matrix Identity(int size)
    {
        var result = new Matrix(size, size);
        for (var i = 0; i < size; i++) result.Values[i * size + i] = 1;
        return result;
    }

    public Matrix Transposed()
    {
        var result = new Matrix(Columns, Rows);
        for (var i = 0; i < Rows; i++)
            for (var j = 0; j < Columns; j++) result.Values[j * Rows + i] = values[i * Columns + j];
        return result;
    }

    /// <summary>Σ of the products of equal places.</summary>
    public double Dot(Matrix other)
    {
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++) sum += values[i] * other.Values[i];
        return sum;
    }

    public static Matrix operator +(Matrix a, Matrix b) => new(a.Rows, a.Columns, [.. a.Values.Zip(b.Values, (x, y) => x + y)]);

    public static Matrix operator -(Matrix a, Matrix b) => new(a.Rows, a.Columns, [.. a.Values.Zip(b.Values, (x, y) => x - y)]);

    public static Matrix operator *(Matrix a, Matrix b)
    {
        var result = new Matrix(a.Rows, b.Columns);
        for (var i = 0; i < a.Rows; i++)
        {
            var row = result.Values.AsSpan(i * b.Columns, b.Columns);
            for (var k = 0; k < a.Columns; k++)
            {
                var factor = a.Values[i * a.Columns + k];
                var other = b.Values.AsSpan(k * b.Columns, b.Columns);
                for (var j = 0; j < row.Length; j++) row[j] += factor * other[j];
            }
        }
        return result;
    }
}
