namespace ConvexWeb.Training.Data;

/// <summary>The official files of each data set that is read from disk.</summary>
public static class DatasetFiles
{
    private const string Mnist = "https://ossci-datasets.s3.amazonaws.com/mnist/";
    private const string Svhn = "http://ufldl.stanford.edu/housenumbers/";
    private const string Fashion = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";

    /// <summary>Names of the data sets that have files, with those files. The folder below the data directory has the same name.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<RemoteFile>> All { get; } = new Dictionary<string, IReadOnlyList<RemoteFile>>
    {
        ["cifar10"] = [new("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")],
        ["cifar100"] = [new("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")],
        ["cifair10"] = [new("https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-10.zip", "ca08fd390f0839693d3fc45c4e49585f")],
        ["cifair100"] = [new("https://github.com/cvjena/cifair/releases/download/v1.0/ciFAIR-100.zip", "ddc236ab4b12eeb8b20b952614861a33")],
        ["svhn"] = [new(Svhn + "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"), new(Svhn + "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3")],
        ["stl10"] = [new("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb")],
        ["mnist"] =
        [
            new(Mnist + "train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
            new(Mnist + "train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
            new(Mnist + "t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
            new(Mnist + "t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
        ],
        ["fashion_mnist"] =
        [
            new(Fashion + "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
            new(Fashion + "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            new(Fashion + "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
            new(Fashion + "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ],
    };
}
