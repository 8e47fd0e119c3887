#!/usr/bin/env python3
"""./convexweb bench decode: JPEG files to squares in memory, ours beside torchvision's ImageFolder, in turn on this machine.

Theirs as its users write it: Resize (short side), CenterCrop, ToTensor, a DataLoader with two workers. Both decode the same number of
images, taking the files again and again; the order alternates from round to round. Starting up is not counted on either side. --data and
--folder name files of your own, <data>/<folder>/train/CLASS/*.jpg; without them 400 pictures of ImageNet's usual size, 500 × 375 and
about 80 KB, are made of noise at several scales.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT = 1.5  # the least that ours must decode of torchvision's images per second


def torchvision_rate(root, size, workers, images):
    import torch
    from torch.utils.data import DataLoader, Subset
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    torch.set_num_threads(1)
    inner = os.path.join(root, "train")
    steps = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor()])
    files = ImageFolder(inner if os.path.isdir(inner) else root, steps)
    batch = 64
    warm = max(200, 4 * batch * workers)
    loader = DataLoader(Subset(files, [i % len(files) for i in range(warm + images)]), batch_size=batch, num_workers=workers)
    seen, start = 0, None
    for pixels, _ in loader:
        if start is not None:
            seen += len(pixels)
        elif (warm := warm - len(pixels)) <= 0:
            start = time.perf_counter()
    return seen / (time.perf_counter() - start)


def make_pictures(root, count=400):
    """Noise at octaves of scale, weaker towards the fine ones, as in photographs."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for k in range(count):
        folder = os.path.join(root, "train", f"class{k % 4}")
        os.makedirs(folder, exist_ok=True)
        pixels = np.full((375, 500, 3), 128.0)
        for scale in (1, 2, 4, 8, 16, 32, 64):
            coarse = rng.normal(size=(375 // scale + 2, 500 // scale + 2, 3)) * 9 * scale**0.5
            for c in range(3):
                pixels[:, :, c] += np.asarray(Image.fromarray(coarse[:, :, c].astype(np.float32)).resize((500, 375), Image.BICUBIC))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(os.path.join(folder, f"{k}.jpg"), quality=90)


def output(command):
    out = subprocess.run(command, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{out.stderr}")
    return float(out.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", help="ConvexWeb.Training.dll; without it only torchvision's rate is printed")
    parser.add_argument("--data")
    parser.add_argument("--folder", default="pictures")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if not args.trainer:
        print(f"{torchvision_rate(os.path.join(args.data, args.folder), args.size, args.threads, args.images):.1f}")
        return
    if args.data:
        compare(args)
        return
    with tempfile.TemporaryDirectory() as args.data:
        make_pictures(os.path.join(args.data, args.folder))
        compare(args)


def compare(args):
    same = [
        "--data", args.data, "--folder", args.folder, "--size", str(args.size), "--threads", str(args.threads),
        "--images", str(args.images)]
    ways = [("ours", ["dotnet", args.trainer, "bench", "decode", *same]), ("torchvision", ["/usr/bin/python3", __file__, *same])]
    rates = {name: [] for name, _ in ways}
    for r in range(args.rounds):
        for name, command in ways[r % 2:] + ways[:r % 2]:
            rates[name].append(output(command))
        print(f"\rround {r + 1} of {args.rounds}   ", end="", file=sys.stderr, flush=True)
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["torchvision"]))
    print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    ours, theirs = (statistics.median(rates[name]) for name in ("ours", "torchvision"))
    print(f"side {args.size}, {args.threads} threads: ours {ours:.0f} images/s, torchvision {theirs:.0f} images/s, "
          f"{ratio:.2f} times as fast ({'≥' if ratio >= LIMIT else 'MISSES'} {LIMIT})")
    sys.exit(0 if ratio >= LIMIT else 1)


if __name__ == "__main__":
    main()
