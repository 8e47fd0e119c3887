using ConvexWeb.Training.Events;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// One tensor of a safetensors file, read some rows at a time: it may be larger than memory, and a file with holes may only claim to be.
/// </summary>
internal sealed class StoredRows : IDisposable
{
    private readonly FileStream file;
    private readonly StoredTensor entry;
    private readonly long start;

    private StoredRows(FileStream file, StoredTensor entry, long start) => (this.file, this.entry, this.start) = (file, entry, start);

    public ScalarType Type => entry.Type;

    public IReadOnlyList<long> Shape => entry.Shape;

    public long Rows => entry.Shape.Length == 0 ? 0 : entry.Shape[0];

    /// <summary>Numbers of a row; where there are no rows, they may be more than any whole number holds.</summary>
    public double RowValues => entry.Shape.Skip(1).Aggregate(1.0, (product, size) => product * size);

    /// <exception cref="SafeTensorsException">The file is not valid or has no tensor of that name.</exception>
    public static StoredRows Open(string path, string name)
    {
        var file = SafeTensors.Open(path);
        try
        {
            using var header = SafeTensorsHeader.Read(file, Path.GetFileName(path));
            var entry = SafeTensors.Entries(file, header, path).Find(entry => entry.Name == name)
                ?? throw new SafeTensorsException($"{Path.GetFileName(path)} has no tensor {name}.");
            return new(file, entry, header.Length + entry.From);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Rows from one on, [count, …], on the CPU.</summary>
    public Tensor Read(long first, long count)
    {
        var row = (entry.To - entry.From) / Rows;
        var rows = empty([count, .. entry.Shape[1..]], entry.Type);
        file.Position = start + first * row;
        file.ReadExactly(rows.bytes);
        return rows;
    }

    public void Dispose() => file.Dispose();
}
