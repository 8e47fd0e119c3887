using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Files;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>The command line as scripts and the worker use it: a process of its own, its exit code, its streams and its files.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class CommandLineTests : IDisposable
{
    private const string Small =
        """{"model":{"name":"mlp","width":32,"depth":1},"convexity":{"name":"exp_eps"}"""
        + ""","data":{"name":"glyphs","train_size":200,"test_size":50},"training":{"epochs":3,"batch_size":50}}""";

    private readonly string root = Directory.CreateTempSubdirectory("convexweb-cli-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private string Out => Path.Combine(root, "run");

    private sealed record Result(int Code, string Output, string Error);

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(TrainerProgram.Host, [TrainerProgram.File, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static async Task<Result> RunAsync(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        await process.StandardInput.WriteLineAsync(input);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, output, await error);
    }

    private Task<Result> TrainAsync(params string[] more)
        => RunAsync(Small, ["train", "-", "--out", Out, "--data", root, "--threads", "1", .. more]);

    [Fact]
    public async Task Describe_counts_the_parameters_and_names_what_is_constrained()
    {
        var result = await RunAsync("", "describe", "preset:ioc-mlp-cifar10", "--json");
        Assert.Equal(0, result.Code);
        var json = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal(3_752_810, json.GetProperty("parameters").GetInt64());
        var constrained = json.GetProperty("layers").EnumerateArray()
            .SelectMany(l => l.GetProperty("constrained").EnumerateArray().Select(c => c.GetString()));
        Assert.Equal(["bn1.weight", "fc2.weight", "bn2.weight", "fc3.weight", "bn3.weight", "fc4.weight"], constrained);
    }

    [Theory]
    [InlineData("models", "mlp")]
    [InlineData("datasets", "cifar10")]
    [InlineData("corruptions", "partial_exact")]
    [InlineData("constraints", "exp_eps")]
    [InlineData("optimizers", "adamw")]
    [InlineData("schedules", "multi_step")]
    [InlineData("presets", "demo-glyphs")]
    public async Task List_shows_a_catalogue(string catalogue, string entry)
    {
        var result = await RunAsync("", "list", catalogue, "--json");
        Assert.Contains(
            entry, JsonDocument.Parse(result.Output).RootElement.EnumerateArray().Select(e => e.GetProperty("name").GetString()));
    }

    [Theory]
    [InlineData("list", "everything")]
    [InlineData("describe", "preset:none-such")]
    [InlineData("describe", "no-such-file.json")]
    [InlineData("train", "preset:demo-glyphs", "--seed", "-1")]
    [InlineData("train", "preset:demo-glyphs", "--device", "tpu")]
    [InlineData("train", "preset:demo-glyphs", "--threads", "0")]
    [InlineData("train", "preset:demo-glyphs", "--resume")]
    [InlineData("nonsense")]
    public async Task Bad_input_ends_with_2_and_a_sentence(params string[] arguments)
    {
        var result = await RunAsync("", arguments);
        Assert.Equal(2, result.Code);
        Assert.NotEmpty(result.Error.Trim());
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Fact]
    public async Task Train_leaves_its_files_and_its_events_and_predict_gives_the_networks_logits()
    {
        var result = await TrainAsync("--verify-constraint");
        Assert.Equal(0, result.Code);
        Assert.Equal(
            ["best.safetensors", "last.safetensors", "metrics.jsonl", "spec.json", "summary.json", "whitening.safetensors"],
            Directory.GetFiles(Out).Select(Path.GetFileName).Order());
        Assert.Equal(File.ReadAllText(Path.Combine(Out, "metrics.jsonl")), result.Output);
        Assert.Contains("No constrained weight was negative", result.Output);

        var (input, output) = (Path.Combine(root, "x.safetensors"), Path.Combine(root, "y.safetensors"));
        var checkpoint = Path.Combine(Out, "last.safetensors");
        StoreInput(input, 7, 1, 28, 28);
        Assert.Equal(0, (await RunAsync("", "predict", checkpoint, "--input", input, "--output", output)).Code);
        AssertLogits(checkpoint, input, output);
    }

    // Scopes and grad mode belong to a thread: nothing is awaited under them.
    private static void StoreInput(string path, params long[] shape)
    {
        using var scope = NewDisposeScope();
        SafeTensors.Save(path, [("x", rand(shape))], new Dictionary<string, string>());
    }

    private static void AssertLogits(string checkpoint, string input, string output)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        // By hand from the stored tensors: Linear, BatchNorm with running statistics, ELU, Linear.
        var x = SafeTensors.Load(input).Tensors["x"];
        var (t, _) = SafeTensors.Load(checkpoint);
        var hidden = x.view(7, 784).mm(t["fc1.weight"].t()) + t["fc1.bias"];
        hidden = ((hidden - t["bn1.running_mean"]) / (t["bn1.running_var"] + 1e-5).sqrt() * t["bn1.weight"] + t["bn1.bias"]).elu();
        var expected = hidden.mm(t["fc2.weight"].t()) + t["fc2.bias"];
        Assert.True((expected - SafeTensors.Load(output).Tensors["logits"]).abs().max().item<float>() < 1e-4);
        Assert.True(t["fc2.weight"].min().item<float>() >= 0);
    }

    [Fact]
    public async Task Predict_refuses_inputs_of_another_size_with_a_sentence()
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        var input = Path.Combine(root, "x.safetensors");
        StoreInput(input, 2, 3, 32, 32);
        var result = await RunAsync(
            "", "predict", Path.Combine(Out, "last.safetensors"), "--input", input, "--output", Path.Combine(root, "y"));
        Assert.Equal(2, result.Code);
        Assert.Contains("[N, 1, 28, 28] or [N, 784]", result.Error);
    }

    // The shape is the file's own claim: none of these may cost memory or end in a stack trace. The files have holes.
    [Theory]
    [InlineData("[0, 784]", 0L)]
    [InlineData("[4611686018427387904, 0]", 0L)]
    [InlineData("[0, 4611686018427387904, 4611686018427387904]", 0L)]
    [InlineData("[100000000, 784]", 100_000_000L * 784 * 4)]
    [InlineData("[784]", 784L * 4)]
    public async Task D13_Predict_refuses_absurd_inputs_before_memory_is_taken(string shape, long bytes)
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        var input = Path.Combine(root, "x.safetensors");
        var header = System.Text.Encoding.UTF8.GetBytes(
            $$$"""{"x":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,{{{bytes}}}]}}""");
        using (var file = File.Create(input))
        {
            file.Write(BitConverter.GetBytes((long)header.Length));
            file.Write(header);
            file.SetLength(8 + header.Length + bytes);
        }

        var result = await RunAsync(
            "", "predict", Path.Combine(Out, "last.safetensors"), "--input", input, "--output", Path.Combine(root, "y"));

        Assert.Equal(2, result.Code);
        Assert.StartsWith("x ", result.Error);
        Assert.Single(result.Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task D13_Predict_writes_over_no_device_no_link_and_no_folder()
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        var input = Path.Combine(root, "x.safetensors");
        StoreInput(input, 2, 784);
        var link = Path.Combine(root, "link");
        File.CreateSymbolicLink(link, "/dev/null");
        foreach (var output in new[] { link, root })
        {
            var result = await RunAsync("", "predict", Path.Combine(Out, "last.safetensors"), "--input", input, "--output", output);
            Assert.Equal(2, result.Code);
            Assert.Contains("name another output", result.Error);
        }
        Assert.Equal("/dev/null", new FileInfo(link).LinkTarget);
        Assert.True(RegularFile.IsTaken("/dev/null"));
    }

    [Fact]
    public async Task A_folder_that_holds_a_run_is_not_overwritten()
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        var again = await TrainAsync();
        Assert.Equal(2, again.Code);
        Assert.Contains("--resume", again.Error);
        // Going on with a finished run finishes it again and trains nothing.
        var resumed = await TrainAsync("--resume");
        Assert.Equal(0, resumed.Code);
        Assert.DoesNotContain("\"type\":\"points\"", resumed.Output);
    }

    [Fact]
    public async Task Going_on_with_another_seed_is_refused_and_leaves_the_folder_as_it_was()
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        Dictionary<string, string> Content() => Directory.GetFiles(Out)
            .ToDictionary(f => f, f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))));
        var before = Content();
        var refused = await TrainAsync("--resume", "--seed", "5");
        Assert.Equal(2, refused.Code);
        Assert.Contains("another spec or seed", refused.Error);
        Assert.Equal(before, Content());
    }

    [Fact]
    public async Task The_end_of_standard_input_stops_with_a_checkpoint()
    {
        using var process = Start("train", "-", "--out", Out, "--data", root, "--threads", "1", "--stop-on-eof");
        await process.StandardInput.WriteLineAsync(Small.Replace("\"epochs\":3", "\"epochs\":100000"));
        await process.StandardInput.FlushAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line && !line.Contains("\"points\"", StringComparison.Ordinal))
        {
        }
        process.StandardInput.Close();
        var rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(3, process.ExitCode);
        Assert.Contains("\"type\":\"stopped\"", rest);
        Assert.True(File.Exists(Path.Combine(Out, "last.safetensors")));
    }

    [Theory]
    [InlineData("certify", "FILE")]
    [InlineData("certify", "last.safetensors", "--twin", "FILE")]
    [InlineData("predict", "FILE", "--input", "FILE", "--output", "logits.safetensors")]
    [InlineData("check", "FILE")]
    public async Task D13_What_is_no_regular_file_is_not_opened(params string[] line)
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        var pipe = Path.Combine(root, "pipe.safetensors");
        using (var make = Process.Start("mkfifo", pipe)) await make.WaitForExitAsync();

        var result = await RunAsync(
            "", [line[0], .. line[1..].Select(word => word == "FILE" ? pipe : word.Contains('.') ? Path.Combine(Out, word) : word)])
            .WaitAsync(TimeSpan.FromSeconds(30));

        Assert.NotEqual(0, result.Code);
        Assert.Contains("is empty or not a regular file", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D13_A_certificate_that_takes_long_ends_at_the_first_SIGTERM()
    {
        Assert.Equal(0, (await TrainAsync()).Code);
        using var process = Start("certify", Path.Combine(Out, "last.safetensors"), "--pairs", "100000", "--threads", "1", "--data", root);
        process.StandardInput.Close();
        await Task.Delay(TimeSpan.FromSeconds(2)); // the runtime has started, and hears of signals
        Assert.False(process.HasExited, await ErrorsAsync(process));

        using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(3, process.ExitCode);

        static Task<string> ErrorsAsync(Process process)
            => process.HasExited ? process.StandardError.ReadToEndAsync() : Task.FromResult("");
    }
}
