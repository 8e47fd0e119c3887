#!/usr/bin/env python3
"""PyTorch's side of benchmarks of the larger networks: median milliseconds of a training step in eager mode, written as its users write it.

steps --model mixer|allconv|densenet|cycle_mlp|s_fc|s_local|anneal_cnn [--ioc] --batch N --steps N --threads N [--channels-last]

mixer      the seed's size at 72 pixels, Adam 1e-3
allconv    32 pixels, dropout 0.2 and 0.5, SGD with Nesterov momentum 0.9, weight decay 1e-3 (ioc: 0)
densenet   torchvision's, as BC-100-12 at 32 pixels, SGD with Nesterov momentum 0.9, weight decay 1e-4
s_fc       alpha 1 at 32 pixels, SGD and the two lines of beta-LASSO behind it (beta 50, lambda 2e-5)
s_local    alpha 1 at 32 pixels through unfold and one product a place, SGD 0.1
anneal_cnn 28 pixels, pools between the convolutions, one given angle, Adam 1e-3
cycle_mlp  B1 at 64 pixels with deform_conv2d as its official code has it, AdamW with weight decay 0.05; no DropPath, which would only
           cost it time

--ioc: ELU for the activation, and after each step the constraint tensor by tensor; mixer and cycle_mlp as in the seed's code
(LayerNorm kept). Tuned PyTorch is the better of two runs, with and without --channels-last. The networks are those of
ConvexWeb.Tests/Training/Golden/torch_models.py.
"""
import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ConvexWeb.Tests" / "Training" / "Golden"))
from torch_mlp import step  # noqa: E402
from torch_models import CycleFC, build, free  # noqa: E402

PIXELS = {"mixer": 72, "allconv": 32, "densenet": 32, "cycle_mlp": 64, "s_fc": 32, "s_local": 32, "anneal_cnn": 28}


class BetaLasso(torch.optim.SGD):
    """Neyshabur's algorithm on top of SGD, tensor by tensor."""

    @torch.no_grad()
    def step(self):
        parameters = self.param_groups[0]["params"]
        for p in parameters:
            p.grad.add_(torch.sign(p), alpha=2e-5)
        super().step()
        for p in parameters:
            p.mul_(p.abs() >= 50 * 2e-5)


def network_of(model, ioc):
    if model in ("s_fc", "s_local"):
        return build("sd_net", False, 10, kind=model, alpha=1)
    if model == "anneal_cnn":
        return build("anneal_cnn", False, 10, pooling="between", theta_mode="fixed")
    return build(model, ioc, 10)


def optimizer_of(model, parameters, ioc, batch):
    if model == "mixer":
        return torch.optim.Adam(parameters, lr=1e-3)
    if model == "allconv":
        return torch.optim.SGD(parameters, lr=0.01 if ioc else 0.05, momentum=0.9, nesterov=True, weight_decay=0 if ioc else 1e-3)
    if model == "densenet":
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    if model == "s_fc":
        return BetaLasso(parameters, lr=0.1)
    if model == "s_local":
        return torch.optim.SGD(parameters, lr=0.1)
    if model == "anneal_cnn":
        return torch.optim.Adam(parameters, lr=1e-3)
    return torch.optim.AdamW(parameters, lr=5e-4 * batch / 512, weight_decay=0.05)


def constrained(network, model):
    kept = set(free(model))
    return [p for name, p in network.named_parameters() if "weight" in name and name not in kept]


def warm(count, last, elapsed):
    """As in torch_mlp.py, five steps and two seconds; two steps are enough where one takes more than a second."""
    return count >= 2 if last > 1 else count >= 5 and elapsed > 2


def to_channels_last(network):
    """All but CycleFC's tensors: torchvision's backward of deform_conv2d refuses them so.
    A [C, C, 1, 1] weight lies alike in both anyway."""
    network.to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, CycleFC):
            module.to(memory_format=torch.contiguous_format)


def steps(args):
    network = network_of(args.model, args.ioc)
    channels = 1 if args.model == "anneal_cnn" else 3
    images, labels = torch.rand(args.batch, channels, PIXELS[args.model], PIXELS[args.model]), torch.arange(args.batch) % 10
    if args.channels_last:
        to_channels_last(network)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = optimizer_of(args.model, network.parameters(), args.ioc, args.batch)
    covered = constrained(network, args.model) if args.ioc else None
    times, begun, done, ready = [], time.perf_counter(), 0, False
    while len(times) < args.steps:
        start = time.perf_counter()
        step(network, optimizer, images, labels, covered)
        end = time.perf_counter()
        if ready:
            times.append((end - start) * 1000)
        done += 1
        ready = ready or warm(done, end - start, end - begun)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["steps"])
    parser.add_argument("--model", choices=list(PIXELS), required=True)
    parser.add_argument("--ioc", action="store_true")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    print(f"{steps(arguments):.3f}")
    sys.stdout.flush()
