#!/usr/bin/env python3
"""Seed 001's MLP on labels of which it drew a share anew, in PyTorch, written from science.md S8a: the peer of docs/results.md.

Prints a line per epoch: epoch, running training accuracy (augmented images, before each step), accuracy on the clean test images.
  /usr/bin/python3 bench/torch_seed001.py CIFAR-10-FOLDER --seed 0
The folder holds data_batch_1.bin to data_batch_5.bin and test_batch.bin.
"""
import argparse
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)
RECORD = 1 + 3 * 32 * 32


def read(files, count):
    rows = numpy.concatenate([numpy.fromfile(f, numpy.uint8).reshape(-1, RECORD) for f in files])[:count]
    return torch.from_numpy(rows[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(rows[:, 0].astype(numpy.int64))


def corrupted(labels, p, random):
    """int(p N) places drawn with replacement, each given one of ten labels."""
    labels = labels.clone()
    for i in random.integers(0, len(labels), int(p * len(labels))):
        labels[i] = int(random.integers(0, 10))
    return labels


def normalised(images):
    return (images.float() / 255 - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(DEVIATION).view(1, 3, 1, 1)


def augmented(images, random):
    """A crop of the image with a border of four zeros, and a flip for one in two."""
    padded = F.pad(images, (4, 4, 4, 4))
    out = torch.empty_like(images)
    for i in range(len(images)):
        y, x = random.integers(0, 9, 2)
        cut = padded[i, :, y:y + 32, x:x + 32]
        out[i] = cut.flip(2) if random.random() < 0.5 else cut
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--p", type=float, default=0.5)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    random = numpy.random.default_rng(args.seed)
    x, y = read(sorted(args.folder.glob("data_batch_*.bin")), args.images)
    tx, ty = read([args.folder / "test_batch.bin"], args.test_images)
    y = corrupted(y, args.p, random)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 1000), nn.ReLU(), nn.Linear(1000, 800), nn.ReLU(), nn.Linear(800, 800), nn.ReLU(), nn.Linear(800, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    for epoch in range(1, args.epochs + 1):
        right = 0
        for batch in torch.from_numpy(random.permutation(len(x))).split(32):
            logits = network(normalised(augmented(x[batch], random)))
            right += (logits.argmax(1) == y[batch]).sum().item()
            optimizer.zero_grad()
            F.cross_entropy(logits, y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            test = (network(normalised(tx)).argmax(1) == ty).float().mean().item()
        print(epoch, f"{100 * right / len(x):.2f} {100 * test:.2f}", flush=True)


if __name__ == "__main__":
    main()
