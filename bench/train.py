#!/usr/bin/env python3
"""./convexweb bench train: our training steps beside two peers, in turn on this machine, medians over rounds.

Peers: eager TorchSharp on the same libtorch with its own optimizer (plain operators of the same plan, freed memory kept), and Debian's
PyTorch 1.13 tuned (OpenBLAS with OpenMP, and glibc told to keep big blocks; the larger networks in the better of its two memory formats).
Ours is divided by the better of the two in each round; the median of these ratios is the figure. For the MLP, PyTorch as Debian installs
it (OpenBLAS with pthreads) is shown too. Every measurement is a process of its own; the order rotates from round to round, so that a change
of the machine's speed hits all alike. The 2048 x 2048 product beside the figures, by PyTorch, says how fast the machine was. The bf16
rows compare our own steps in both precisions.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

TORCH = ["/usr/bin/python3", str(Path(__file__).with_name("torch_mlp.py"))]
TORCH_MODELS = ["/usr/bin/python3", str(Path(__file__).with_name("torch_models_bench.py"))]
MODELS = {"mixer": (64, 30), "allconv": (64, 10), "densenet": (32, 8), "cycle_mlp": (32, 8)}  # batch; steps that are timed
BASE_ONLY = {"s_fc": (512, 30), "s_local": (512, 10), "anneal_cnn": (32, 60)}
LIMITS = {  # the most that ours may take of the better peer's time
    "mlp batch 64": 0.72, "mlp batch 128": 0.77, "mlp batch 512": 0.86,
    "ioc-mlp batch 64": 0.65, "ioc-mlp batch 128": 0.72, "ioc-mlp batch 512": 0.80,
    "epoch": 0.6, "mixer": 0.74, "ioc-mixer": 0.80, "allconv": 0.68, "ioc-allconv": 0.68, "densenet": 0.90, "ioc-densenet": 0.90,
    "cycle_mlp": 0.35, "ioc-cycle_mlp": 0.35, "s_fc": 0.8, "s_local": 0.5, "anneal_cnn": 0.75, "epoch 1x512": 0.6,
}


def blas(kind):
    found = glob.glob(f"/usr/lib/*/openblas-{kind}")
    if not found:
        sys.exit(f"OpenBLAS ({kind}) is not installed.")
    return found[0]


def environments():
    """Settings of OpenBLAS that slow it down are dropped where it computes rightly without them."""
    keep = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "67108864"}
    tuned = dict(os.environ, LD_LIBRARY_PATH=blas("openmp"), **keep)
    free = {k: v for k, v in tuned.items() if not k.startswith("OPENBLAS_")}
    check = ("import torch; a = torch.randn(700, 333); b = torch.randn(333, 555); "
             "assert ((a @ b).double() - a.double() @ b.double()).abs().max() < 1e-3")
    if subprocess.run(["/usr/bin/python3", "-c", check], env=free, capture_output=True).returncode == 0:
        tuned = free
    return dict({k: v for k, v in tuned.items() if not k.startswith("MALLOC_")}, LD_LIBRARY_PATH=blas("pthread")), tuned


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


def measure(command, environment=None):
    out = subprocess.run(command, env=environment, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{out.stderr}")
    return float(out.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--epoch-rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model-rounds", type=int, default=5)
    parser.add_argument("--only", help="only the cases of this model: mlp, ioc-mlp, epoch, mixer, ioc-mixer, …")
    parser.add_argument("--json", help="also write the figures to this file")
    args = parser.parse_args()
    ours = ["dotnet", args.trainer, "bench"]
    installed, tuned = environments()
    threads = ["--threads", str(args.threads)]

    cases = {}
    for batch in (64, 128, 512):
        cases[f"mlp batch {batch}"] = ["steps", "--batch", str(batch), "--steps", str(args.steps), *threads]
        cases[f"ioc-mlp batch {batch}"] = ["steps", "--ioc", "--batch", str(batch), "--steps", str(args.steps), *threads]
    cases["epoch"] = ["epoch", *threads]
    cases["epoch 1x512"] = ["epoch", "--narrow", *threads]
    for model, (batch, count) in (MODELS | BASE_ONLY).items():
        for ioc in (False, True) if model in MODELS else (False,):
            kind = ["--model", model, *(["--ioc"] if ioc else [])]
            cases[("ioc-" if ioc else "") + model] = ["steps", *kind, "--batch", str(batch), "--steps", str(count), *threads]

    print(f"{processor()}, {args.threads} threads; ms per step, s per epoch; medians of {args.rounds} rounds "
          f"({args.model_rounds} for the larger networks)")
    print(f"{'':18}{'ours':>9}{'eager':>9}{'tuned':>9}{'installed':>11}{'ratio':>8}{'GFLOP/s':>9}", flush=True)
    for name in ("mlp batch 128", "allconv"):
        cases[name + " bf16"] = cases[name]

    figures = {}
    missed = []
    for name, case in cases.items():
        if args.only and args.only not in (name, name.split()[0]):  # "epoch" is both epochs
            continue
        ways = [("ours", ours + case, None)]
        if not name.startswith("epoch"):
            ways.append(("eager", ours + case + ["--eager"], None))
        if name.endswith("bf16"):
            ways = [("ours", ours + case + ["--bf16"], None), ("float32", ours + case, None)]
            rounds = args.rounds
        elif "--model" in case:
            ways += [("planes", TORCH_MODELS + case, tuned), ("channels-last", TORCH_MODELS + case + ["--channels-last"], tuned)]
            rounds = args.model_rounds
        else:
            ways += [("tuned", TORCH + case, tuned), ("installed", TORCH + case, installed)]
            rounds = args.epoch_rounds if name.startswith("epoch") else args.rounds
        f = figures[name] = compare(name, ways, rounds, TORCH + ["product", *threads], tuned)
        limit = LIMITS.get(name)
        good = limit is None or f["ratio"] <= limit
        if not good:
            missed.append(name)
        columns = (("ours", 9), ("eager", 9), ("tuned", 9), ("installed", 11))
        cells = "".join(f"{f[way]:{width}.2f}" if way in f else " " * width for way, width in columns)
        verdict = "of our step in float32" if limit is None else f"{'≤' if good else 'MISSES'} {limit}"
        print(f"{name:18}{cells}{f['ratio']:8.2f}{f['product']:9.0f}   {verdict}", flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(1 if missed else 0)


def compare(name, ways, rounds, product, tuned):
    """Medians of each way in turn, and of ours by the better peer of each round."""
    times = {way: [] for way, _, _ in ways}
    speed = []
    for r in range(rounds):
        speed.append(measure(product, tuned))
        turn = r % len(ways)
        for way, command, environment in ways[turn:] + ways[:turn]:
            times[way].append(measure(command, environment))
        print(f"\r{name}: round {r + 1} of {rounds}   ", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
    if "planes" in times:
        times["tuned"] = min(times.pop("planes"), times.pop("channels-last"), key=statistics.median)
    peers = [way for way in ("eager", "tuned", "float32") if way in times]
    ratio = statistics.median(own / min(times[peer][r] for peer in peers) for r, own in enumerate(times["ours"]))
    return {way: statistics.median(t) for way, t in times.items()} | {"ratio": ratio, "product": statistics.median(speed), "rounds": rounds}


if __name__ == "__main__":
    main()
