#!/usr/bin/env python3
"""Makes optimizers.safetensors: starts, gradients and ends of eight steps of PyTorch's optimizers, float32 and float64.

Run with Debian's python3-torch:  /usr/bin/python3 make_optimizer_golden.py
"""
import json
import struct
import sys
from pathlib import Path

import torch

torch.manual_seed(20200613)
torch.use_deterministic_algorithms(True)

NAMES = {torch.float32: "F32", torch.float64: "F64"}


def real(*shape, low=-2.0, high=2.0):
    return torch.rand(shape, dtype=torch.float64) * (high - low) + low


class BetaLasso(torch.optim.Optimizer):
    """Neyshabur 2020, Alg. 1: the sign of the weight before the step, or as the public codes have it behind the gradient's part."""

    def __init__(self, parameters, lr, beta, lam, post):
        super().__init__(parameters, dict(lr=lr, beta=beta, lam=lam, post=post))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if group["post"]:
                    p -= group["lr"] * p.grad
                    p -= group["lr"] * group["lam"] * torch.sign(p)
                else:
                    p -= group["lr"] * (p.grad + group["lam"] * torch.sign(p))
                least = torch.tensor(group["beta"], dtype=p.dtype) * torch.tensor(group["lam"], dtype=p.dtype)
                p[p.abs() < least] = 0


# name: (PyTorch's optimizer, whether the convexity operator exp(w - 5) follows each step); the names are those of OptimizerGoldenTests.cs
OPTIMIZERS = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.05), False),
    "sgd momentum decay": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=5e-4), False),
    "sgd nesterov": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True), True),
    "adam": (lambda p: torch.optim.Adam(p, lr=2e-3), True),
    "adam decay": (lambda p: torch.optim.Adam(p, lr=2e-3, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01), False),
    "adamw": (lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.05), True),
    "beta_lasso prev": (lambda p: BetaLasso(p, 0.05, 40.0, 2e-3, False), False),
    "beta_lasso post": (lambda p: BetaLasso(p, 0.05, 40.0, 2e-3, True), False),
}


def trajectories():
    stored = {}
    for name, (make, constrained) in OPTIMIZERS.items():
        for label, dtype in (("f32", torch.float32), ("f64", torch.float64)):
            w = (real(7, 5) * 0.02).to(dtype).requires_grad_()
            gradients = real(8, 7, 5).to(dtype)
            stored[f"{name}/{label}/start"], stored[f"{name}/{label}/gradients"] = w.detach().clone(), gradients
            optimizer = make([w])
            for gradient in gradients:
                w.grad = gradient.clone()
                optimizer.step()
                if constrained:
                    with torch.no_grad():
                        w.copy_(torch.where(w < 0, torch.exp(w - 5), w))
            stored[f"{name}/{label}/end"] = w.detach()
    return stored


def save(path, tensors):
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    Path(path).write_bytes(struct.pack("<q", len(head)) + head + body)


if __name__ == "__main__":
    target = Path(__file__).with_name("optimizers.safetensors")
    save(target, trajectories())
    print(f"{len(OPTIMIZERS)} optimizers with PyTorch {torch.__version__} -> {target.name}", file=sys.stderr)
