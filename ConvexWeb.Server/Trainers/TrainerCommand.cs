using System.Diagnostics;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Trainers;

/// <summary>A trainer that is to be started.</summary>
/// <param name="Program">What its command line has that no other process's has.</param>
/// <param name="Register">Knows it for as long as it lives; null for none.</param>
public sealed record TrainerStart(ProcessStartInfo Process, string Program, int Niceness = 0, TrainerRegister? Register = null);

/// <summary>How a trainer is started: which program, with what arguments, in what surroundings.</summary>
public sealed class TrainerCommand(WorkerSettings worker, TrainerRegister register, IOptions<Settings> settings)
{
    // Its own session: a Ctrl-C meant for the server must not reach the trainers, which are asked to stop in another way. Both programs
    // replace themselves by the next, so the process that we started is the trainer.
    private static readonly string[] Session = File.Exists("/usr/bin/setsid") ? ["/usr/bin/setsid"] : [];

    private const int Nicest = 19;

    // Behind the trainings, which are what the machine is for.
    private const int BehindTrainings = 5;

    public TrainerStart For(AttemptFolder folder, string device, int seed) => Start(
        worker.Niceness,
        [
            "train", "-", HostProbe.TrainerArgument, "--seed", $"{seed}", "--out", folder.Path, "--device", device,
            .. folder.Resumes ? (string[])["--resume"] : [],
        ]);

    public TrainerStart ForCertificate(string checkpoint, string? twin, int pairs) => Start(
        Math.Min(Nicest, worker.Niceness + BehindTrainings),
        [
            "certify", checkpoint, "--json", HostProbe.TrainerArgument, "--pairs", $"{pairs}",
            .. twin is null ? (string[])[] : ["--twin", twin],
        ]);

    private TrainerStart Start(int niceness, string[] arguments)
    {
        string[] nice = niceness > 0 && File.Exists("/usr/bin/nice") ? ["/usr/bin/nice", "-n", $"{niceness}"] : [];
        string[] line =
        [
            .. Session, .. nice, .. worker.Trainer.Count > 0 ? worker.Trainer : [Host(), worker.TrainerProgram], .. arguments,
            "--threads", $"{worker.ThreadsPerSlot}", "--data", Path.Combine(settings.Value.DataFolder, "datasets"),
        ];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            // Not the attempt's folder: where the drive does not answer, the process would hang before it is a trainer.
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = $"{worker.ThreadsPerSlot}";

        // CUDA's own order is by speed; by the bus, cuda:0 is the device of which the worker reports figures under that name.
        start.Environment.TryAdd("CUDA_DEVICE_ORDER", "PCI_BUS_ID");

        // The server's secrets and addresses are none of the trainer's business.
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList()) start.Environment.Remove(name);
        return new(start, worker.TrainerProgram, niceness, register);
    }

    private static bool IsOurs(string name)
        => name.StartsWith("ConnectionStrings__", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("Convex__", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase);

    // The .NET that runs us runs the trainer. A test's host is not named dotnet; then the PATH decides.
    private static string Host() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
        ? Environment.ProcessPath!
        : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
}
