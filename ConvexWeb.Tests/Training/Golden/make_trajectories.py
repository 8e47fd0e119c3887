#!/usr/bin/env python3
"""Makes trajectories.json: two epochs of the corrected recipes of DenseNet and CycleMLP (science.md S4.5, S6.5, S6.8) in PyTorch, in
float64, from weights that the rule of make_model_golden.py gives.

Run with Debian's python3-torch and python3-torchvision:  /usr/bin/python3 make_trajectories.py
32 images named "trajectory" by that rule, batches of 8, image i of epoch e is (5 i + 3 e) mod 32, label 7 i mod 10. Dropout and
drop-path are off, since their masks are no numbers of PyTorch's. Stored are the rate and the loss of each step, and of each parameter
the length of its way from the start and the way's product with the numbers of "probe/NAME", which tells directions apart.
CycleMLP takes epochs 5 and 6 of 300, behind the warm-up, and once more 0 and 1, whose rates hardly move a weight.
"""
import json
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

from make_model_golden import fill, uniform
from torch_models import build, free

N, BATCH, EPS = 32, 8, 5.0


def images(side):
    return torch.from_numpy(((uniform("trajectory", (N, 3, side, side)) + 1) / 2).astype(numpy.float32)).double()


def constrained_names(model, network, ioc):
    """DenseNet: every weight but conv0's. CycleMLP's own test is 'weight' in the name, which the reweight layers' biases meet."""
    kept = set(free(model, "seed")) if ioc else set()
    return [n for n, _ in network.named_parameters() if ioc and "weight" in n and n not in kept]


def operator(network, names):
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name in names:
            w = parameters[name]
            w.copy_(torch.where(w < 0, torch.exp(w - EPS), w))


def timm_rate(base, epoch, epochs, warmup=5, start=1e-6, least=1e-5):
    """The scheduler is stepped behind an epoch with that epoch's number, and before the first stands at the warm-up's start."""
    t = max(0, epoch - 1)
    if t < warmup:
        return start + t * (base - start) / warmup
    return least + 0.5 * (base - least) * (1 + math.cos(math.pi * t / epochs))


def densenet(ioc):
    network = build("densenet", ioc, 10, size="bc_40_12")
    return network, torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=1e-4, nesterov=True), \
        lambda epoch: 0.1 * (0.1 if epoch >= 1 else 1), 0.0, [0, 1], 32


def cycle_mlp_begun(ioc):
    return *cycle_mlp(ioc)[:4], [0, 1], 64


def cycle_mlp(ioc):
    network = build("cycle_mlp", ioc, 10, size="tiny", mode="seed")
    still = [p for n, p in network.named_parameters() if p.ndim == 1 or n.endswith(".bias")]
    others = [p for n, p in network.named_parameters() if not (p.ndim == 1 or n.endswith(".bias"))]
    optimizer = torch.optim.AdamW([{"params": still, "weight_decay": 0.0}, {"params": others, "weight_decay": 0.05}], 6.25e-5)
    return network, optimizer, lambda epoch: timm_rate(6.25e-5, epoch, 300), 0.1, [5, 6], 64


def trajectory(name, model, make, ioc):
    exact = run(name, model, make, ioc, torch.float64)
    # How far PyTorch itself falls from that with float32: the measure of float32's noise.
    exact["float32_losses"] = run(name, model, make, ioc, torch.float32)["losses"]
    return exact


def run(name, model, make, ioc, dtype):
    network, optimizer, rate, smoothing, epochs, side = make(ioc)
    fill(network, ioc, free(model, "seed") if ioc else [], 1)
    network = network.to(dtype).train()
    # The optimizer holds the same parameters: to() keeps them.
    start = {n: p.detach().clone() for n, p in network.named_parameters()}
    x, y, names = images(side).to(dtype), torch.arange(N) * 7 % 10, constrained_names(model, network, ioc)
    losses, rates = [], []
    for epoch in epochs:
        order = (torch.arange(N) * 5 + 3 * epoch) % N
        for group in optimizer.param_groups:
            group["lr"] = rate(epoch)
        for batch in order.split(BATCH):
            loss = F.cross_entropy(network(x[batch]), y[batch], label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            operator(network, names)
            losses.append(loss.item())
            rates.append(rate(epoch))
    ways = {}
    for n, p in network.named_parameters():
        way = (p.detach() - start[n]).double().flatten()
        ways[n] = [way.norm().item(), way.dot(torch.from_numpy(uniform("probe/" + n, (way.numel(),)))).item()]
    return {"name": name, "model": model, "ioc": ioc, "epochs": epochs, "side": side, "constrained": names, "rates": rates,
            "losses": losses, "ways": ways}


if __name__ == "__main__":
    torch.set_num_threads(1)
    made = [trajectory(f"{name} {'ioc' if ioc else 'base'}", model, make, ioc)
            for name, model, make in (("densenet", "densenet", densenet), ("cycle_mlp", "cycle_mlp", cycle_mlp),
                                      ("cycle_mlp warm-up", "cycle_mlp", cycle_mlp_begun)) for ioc in (False, True)]
    for one in made:
        print(one["name"], one["losses"], len(one["constrained"]))
    Path(__file__).with_name("trajectories.json").write_text(json.dumps(made) + "\n")
