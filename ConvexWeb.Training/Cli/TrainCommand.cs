using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Kernels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary><c>train SPEC</c>: one training; JSON lines of events on standard output, or a progress display on a terminal.</summary>
internal static class TrainCommand
{
    public const string JournalFile = "metrics.jsonl";

    private sealed record Settings(
        Spec Spec, int Seed, string? Out, string Device, string Data, int Threads, bool Resume, bool StopOnEof, bool Plain, bool Verify);

    public static Command Create()
    {
        var spec = SpecArgument.Create();
        var seed = new Option<int>("--seed") { Description = "Seed of initial weights, order, dropout and corruptions" };
        seed.Validators.Add(r => { if (r.GetValueOrDefault<int>() < 0) r.AddError("--seed must be 0 or more."); });
        var output = new Option<string?>("--out") { Description = "Folder for spec.json, metrics.jsonl, summary.json and checkpoints" };
        var device = new Option<string>("--device") { Description = "cpu or cuda:0", DefaultValueFactory = _ => "cpu" };
        var data = DataFolder.Option();
        var threads = new Option<int>("--threads")
        {
            Description = "Threads of the tensor engine",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        threads.Validators.Add(r => { if (r.GetValueOrDefault<int>() is < 1 or > 1024) r.AddError("--threads must be from 1 to 1024."); });
        var resume = new Option<bool>("--resume") { Description = "Go on from the checkpoint in --out" };
        var stopOnEof = new Option<bool>("--stop-on-eof") { Description = "Write a checkpoint and stop when standard input is closed" };
        var plain = new Option<bool>("--plain-steps")
        {
            Description = "Optimizer steps in plain tensor operations, without the fused kernels",
        };
        var verify = new Option<bool>("--verify-constraint")
        {
            Description = "Check after every step that no constrained weight is negative",
        };
        var command = new Command("train", "Trains a network.")
        {
            spec, seed, output, device, data, threads, resume, stopOnEof, plain, verify,
        };
        command.SetAction(p => Run(new Settings(
            SpecArgument.Load(p.GetValue(spec)!), p.GetValue(seed), p.GetValue(output), p.GetValue(device)!, p.GetValue(data)!,
            p.GetValue(threads), p.GetValue(resume), p.GetValue(stopOnEof), p.GetValue(plain), p.GetValue(verify))));
        return command;
    }

    private static int Run(Settings settings)
    {
        if (settings.Resume && settings.Out is null) throw new BadInputException("--resume needs --out, the folder to go on in.");
        var device = ParseDevice(settings.Device);
        if (settings.Spec.Training.Precision == Precision.Bf16 && Autocast.Missing(device.type) is { } missing)
            throw new BadInputException(
                $"training.precision bf16 is not possible here: {missing}. Set it to float32, or take another device.");
        using var stop = new StopRequest(settings.StopOnEof);
        if (settings.Out is { } folder) Prepare(folder, settings);

        var products = Processor.Use(settings.Threads, Path.Combine(settings.Data, "cache"));
        var display = Console.IsOutputRedirected ? null : new TrainDisplay(TimeProvider.System);
        var journal = settings.Out is null ? null : Path.Combine(settings.Out, JournalFile);
        using var events = new EventWriter(journal, display is null ? WriteLine : display.Show, TimeProvider.System);
        events.Report(new MessageEvent(MessageLevel.Info, products));
        try
        {
            return Train(settings, device, events, stop);
        }
        catch (Exception e) when (e is not BadInputException)
        {
            // The edge of the run: whatever went wrong is its reason, in the journal as on the error stream.
            events.Report(new FailedEvent((e as DivergedException)?.Step ?? 0, Failure.Sentence(e), Failure.CauseOf(e)));
            // A training that diverges is an outcome, and its sentence is all there is to say.
            Console.Error.WriteLine(e is DivergedException ? e.Message : e.ToString());
            return ExitCodes.Failed;
        }
    }

    private static int Train(Settings settings, Device device, EventWriter events, StopRequest stop)
    {
        void Say(string text) => events.Report(new MessageEvent(MessageLevel.Info, text));

        // Loading may take minutes (a download, a whitening): a stop then has nothing to store, and does not wait for it.
        var loading = Task.Run(async () =>
        {
            var set = await DataFolder.Store(settings.Data).LoadAsync(settings.Spec.Data, new FetchReport(Say), Say, stop.Token);
            return TrainingData.Prepare(
                settings.Spec, set, (ulong)settings.Seed, device, Path.Combine(settings.Data, "cache"), settings.Out, Say, stop.Token);
        });
        try
        {
            loading.Wait(stop.Token);
        }
        catch (OperationCanceledException)
        {
            events.Report(new StoppedEvent(0));
            events.Dispose();
            LibtorchNative.ExitAtOnce(ExitCodes.Stopped);
        }
        catch (AggregateException e)
        {
            throw e.InnerException!;
        }

        using var data = loading.Result;
        var how = new TrainerSettings((ulong)settings.Seed, device, settings.Out, settings.Resume, TimeProvider.System)
        {
            Fused = !settings.Plain,
            VerifyConstraint = settings.Verify,
        };
        using var trainer = new Trainer(settings.Spec, how, data, events);
        return trainer.Run(stop.Token) ? ExitCodes.Done : ExitCodes.Stopped;
    }

    private static void Prepare(string folder, Settings settings)
    {
        Directory.CreateDirectory(folder);
        var journal = Path.Combine(folder, JournalFile);
        if (!settings.Resume && File.Exists(journal))
            throw new BadInputException($"{folder} already holds a run; add --resume to go on with it, or name another folder.");
        // Before anything is written: a wrong folder keeps its spec and its whitening.
        var last = Path.Combine(folder, RunCheckpoints.LastFileName);
        if (settings.Resume && File.Exists(last) && Checkpoint.Refusal(last, settings.Spec, (ulong)settings.Seed) is { } refusal)
            throw new BadInputException(refusal);
        File.WriteAllText(Path.Combine(folder, "spec.json"),
            SpecWriter.ToJson(settings.Spec).ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private static Device ParseDevice(string text)
    {
        Device wanted;
        try
        {
            wanted = device(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or ExternalException)
        {
            throw new BadInputException($"--device must be cpu, cuda or cuda:N; got '{text}'.");
        }
        if (wanted.type != TorchSharp.DeviceType.CPU && !cuda.is_available())
            throw new BadInputException(
                $"--device {text}: this libtorch has no CUDA device; use --device cpu, or build against a CUDA libtorch (README, GPU).");
        return wanted;
    }

    // The reader may be gone (a worker that died): the journal has the event all the same.
    private static void WriteLine(TrainingEvent happened, string line)
    {
        try
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
        catch (IOException)
        {
        }
    }

    /// <summary>Download progress as log lines, at most one for each tenth of a file.</summary>
    private sealed class FetchReport(Action<string> say) : IProgress<FetchProgress>
    {
        private (string File, long Tenth) said;

        public void Report(FetchProgress value)
        {
            var tenth = value.Total is > 0 and { } total ? 10 * value.Done / total : value.Done >> 24;
            if (said == (value.File, tenth)) return;
            said = (value.File, tenth);
            say($"{value.File}: {value.Done >> 20} MB{(value.Total is { } all ? $" of {all >> 20} MB" : "")}");
        }
    }
}
