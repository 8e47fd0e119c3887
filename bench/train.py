#!/usr/bin/env python3
"""./convexweb bench train: our training steps and PyTorch's, in turn on this machine, medians over rounds.

The larger networks are compared with tuned PyTorch alone, in the better of its two memory formats.
Three ways to run: ours; PyTorch as Debian installs it (OpenBLAS with pthreads); PyTorch tuned (OpenBLAS with OpenMP, and glibc told to keep big
blocks). Every measurement is a process of its own; the order rotates from round to round, so that a change of the machine's speed hits all alike.
The 2048³ product beside the figures says how fast the machine was.
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
LIMITS = {  # the most that ours may take of tuned PyTorch's time
    "mlp batch 64": 0.75, "mlp batch 128": 0.75, "mlp batch 512": 0.9, "ioc-mlp batch 128": 0.72, "epoch": 0.6,
} | {name: 0.95 for name in MODELS} | {f"ioc-{name}": 0.9 for name in MODELS}
OF_INSTALLED = {"epoch": 0.4}


def blas(kind):
    found = glob.glob(f"/usr/lib/*/openblas-{kind}")
    if not found:
        sys.exit(f"OpenBLAS ({kind}) is not installed.")
    return found[0]


def environments():
    installed = dict(os.environ, LD_LIBRARY_PATH=blas("pthread"))
    tuned = dict(os.environ, LD_LIBRARY_PATH=blas("openmp"), MALLOC_MMAP_THRESHOLD_="1073741824", MALLOC_TRIM_THRESHOLD_="17179869184", MALLOC_TOP_PAD_="67108864")
    return installed, tuned


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
    parser.add_argument("--epoch-rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model-rounds", type=int, default=3)
    parser.add_argument("--only", help="only cases whose name contains this")
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
    for model, (batch, count) in MODELS.items():
        for ioc in (False, True):
            cases[("ioc-" if ioc else "") + model] = ["steps", "--model", model, *(["--ioc"] if ioc else []), "--batch", str(batch), "--steps", str(count), *threads]

    figures = {}
    for name, case in cases.items():
        if args.only and args.only not in name:
            continue
        if "--model" in case:
            ways = [("ours", ours + case, None), ("tuned", TORCH_MODELS + case, tuned), ("channels-last", TORCH_MODELS + case + ["--channels-last"], tuned)]
            rounds = args.model_rounds
        else:
            ways = [("ours", ours + case, None), ("tuned", TORCH + case, tuned), ("installed", TORCH + case, installed)]
            rounds = args.epoch_rounds if name == "epoch" else args.rounds
        times = {way: [] for way, _, _ in ways}
        speed = []
        for r in range(rounds):
            speed.append(measure(TORCH + ["product", *threads], tuned))
            for way, command, environment in ways[r % 3:] + ways[:r % 3]:
                times[way].append(measure(command, environment))
            print(f"\r{name}: round {r + 1} of {rounds}   ", end="", file=sys.stderr, flush=True)
        if "channels-last" in times:
            times["tuned"] = min(times["tuned"], times.pop("channels-last"), key=statistics.median)
        ratio = lambda other: statistics.median(a / b for a, b in zip(times["ours"], times[other]))
        figures[name] = {way: statistics.median(t) for way, t in times.items()} | {"of_tuned": ratio("tuned"), "of_installed": ratio("installed") if "installed" in times else None, "product": statistics.median(speed)}
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)

    print(f"{'':18}{'ours':>9}{'tuned':>9}{'installed':>11}{'of tuned':>10}{'of inst.':>10}{'GFLOP/s':>9}   (ms per step; s per epoch; medians)")
    missed = []
    for name, f in figures.items():
        marks = []
        for key, limits in (("of_tuned", LIMITS), ("of_installed", OF_INSTALLED)):
            if name in limits:
                good = f[key] <= limits[name]
                marks.append(f"{'≤' if good else 'MISSES'} {limits[name]} {key.replace('_', ' ')}")
                if not good:
                    missed.append(name)
        installed = f"{f['installed']:11.2f}" if "installed" in f else " " * 11
        of_installed = f"{f['of_installed']:10.2f}" if f["of_installed"] else " " * 10
        print(f"{name:18}{f['ours']:9.2f}{f['tuned']:9.2f}{installed}{f['of_tuned']:10.2f}{of_installed}{f['product']:9.0f}   {', '.join(marks)}")
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
