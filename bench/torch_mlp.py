#!/usr/bin/env python3
"""PyTorch's side of ./convexweb bench train: the MLP of S2 in eager mode, written as its users write it.

steps: median milliseconds of a training step.   epoch: seconds of one epoch over 50,000 images with an ordinary DataLoader.
"""
import argparse
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def narrow():
    """1 x 512 on crops of 28 x 28, as the randomization tests have it."""
    return nn.Sequential(nn.Flatten(), nn.Linear(2352, 512), nn.ReLU(), nn.Linear(512, 10))


def mlp(ioc):
    layers, width = [nn.Flatten()], 3072
    for _ in range(3):
        layers += [nn.Linear(width, 800), nn.BatchNorm1d(800), nn.ELU() if ioc else nn.ReLU()]
        width = 800
    return nn.Sequential(*layers, nn.Linear(800, 10))


def constrain(parameters):
    with torch.no_grad():
        for w in parameters:
            w.copy_(torch.where(w < 0, torch.exp(w - 5), w))


def constrained(model):
    first = model[1].weight
    return [p for name, p in model.named_parameters() if "weight" in name and p is not first]


def step(model, optimizer, images, labels, covered):
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    if covered:
        constrain(covered)


def steps(args):
    model = mlp(args.ioc)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    covered = constrained(model) if args.ioc else None
    images, labels = torch.rand(args.batch, 3, 32, 32), torch.arange(args.batch) % 10
    times, begun, warm_up = [], time.perf_counter(), 0
    while len(times) < args.steps:
        start = time.perf_counter()
        step(model, optimizer, images, labels, covered)
        warm_up += 1
        if warm_up > 5 and time.perf_counter() - begun > 2:
            times.append((time.perf_counter() - start) * 1000)
    return sorted(times)[len(times) // 2]


class Images(torch.utils.data.Dataset):
    """CIFAR-10's shape, normalised per sample as torchvision's ToTensor and Normalize do."""

    def __init__(self, count, side):
        self.images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
        self.labels = torch.arange(count) % 10
        self.mean = torch.tensor([0.49, 0.48, 0.45]).view(3, 1, 1)
        self.std = torch.tensor([0.25, 0.24, 0.26]).view(3, 1, 1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return (self.images[i].float().div_(255) - self.mean) / self.std, self.labels[i]


def epoch(args):
    side = 28 if args.narrow else 32
    data = torch.utils.data.DataLoader(Images(args.images, side), batch_size=128, shuffle=True, num_workers=2)
    model = narrow() if args.narrow else mlp(False)
    optimizer = (torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9) if args.narrow
                 else torch.optim.Adam(model.parameters(), lr=1e-4))
    start = time.perf_counter()
    for images, labels in data:
        step(model, optimizer, images, labels, None)
    return time.perf_counter() - start


def product(args):
    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    torch.mm(a, b)
    start = time.perf_counter()
    for _ in range(5):
        torch.mm(a, b)
    return 5 * 2 * 2048**3 / (time.perf_counter() - start) / 1e9


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["steps", "epoch", "product"])
    parser.add_argument("--ioc", action="store_true")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--narrow", action="store_true", help="epoch of the 1 x 512 network")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    torch.multiprocessing.set_sharing_strategy("file_system")
    print(f"{ {'steps': steps, 'epoch': epoch, 'product': product}[arguments.what](arguments):.3f}")
    sys.stdout.flush()
