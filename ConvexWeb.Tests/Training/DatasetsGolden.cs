using ConvexWeb.Training.Engine;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>The files and pictures that Golden/make_datasets.py made with numpy, scipy, Pillow and torchvision.</summary>
internal static class DatasetsGolden
{
    private static readonly Lazy<Dictionary<string, byte[]>> All = new(() =>
    {
        using var scope = NewDisposeScope();
        return SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Training", "Golden", "datasets.safetensors"))
            .Tensors.ToDictionary(t => t.Key, t => t.Value.bytes.ToArray());
    });

    public static byte[] Bytes(string name) => All.Value[name];

    public static void Write(string name, params string[] path)
    {
        var file = Path.Combine(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, Bytes(name));
    }

    /// <summary>Images [N, 3, side, side] in which no two directions can be mistaken for each other, as the script draws them.</summary>
    public static byte[] Pixels(int count, int side = 32)
    {
        var images = new byte[count * 3 * side * side];
        var i = 0;
        for (var n = 0; n < count; n++)
            for (var c = 0; c < 3; c++)
                for (var y = 0; y < side; y++)
                    for (var x = 0; x < side; x++) images[i++] = (byte)(7 * n + 50 * c + 3 * y + 5 * x);
        return images;
    }
}
