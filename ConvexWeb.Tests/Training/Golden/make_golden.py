#!/usr/bin/env python3
"""Makes operators.safetensors, what PyTorch says for every wrapped operator, forward and backward, float32 and float64, and optimizers.safetensors,
the ends of eight steps of PyTorch's optimizers.

Run with Debian's python3-torch:  /usr/bin/python3 make_golden.py
For each case and type: in0, in1, … (inputs), out, seed (what the output is multiplied with before it is summed), grad0, grad1, … (gradients of that sum).
"""
import json
import struct
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(20200613)
torch.use_deterministic_algorithms(True)


def real(*shape, low=-2.0, high=2.0):
    return torch.rand(shape, dtype=torch.float64) * (high - low) + low


def positive(*shape):
    return real(*shape, low=0.3, high=2.0)


A, B, V = real(3, 4), real(3, 4), real(4)
IMAGE, KERNEL, BIAS = real(2, 3, 8, 8), real(5, 3, 3, 3), real(5)
ROWS, MEAN, VAR, GAMMA, BETA = real(6, 4), real(4), positive(4), positive(4), real(4)
LOGITS, CLASSES = real(5, 7), torch.tensor([0, 6, 3, 3, 1])
INDEX = torch.tensor([2, 0, 2])
MASK = real(3, 4) > 0
GRID = real(2, 5, 4, 2, low=-1.3, high=1.3)


def norm1d(x, w, b, m, v, train):
    return F.batch_norm(x, m.detach().clone(), v.detach().clone(), w, b, train, 0.1, 1e-5)


def whole(x):
    return (x.detach() * 1000).to(torch.int64)


def in_place(change):
    return lambda x, *rest: change(x.clone(), *rest)


# name: (function, inputs); the names are those of the C# table
CASES = {
    "add": (lambda a, b: a + b, [A, B]),
    "add_alpha": (lambda a, b: a.add(b, alpha=-0.7), [A, B]),
    "add_scalar": (lambda a: a + 1.5, [A]),
    "add_": (in_place(lambda a, b: a.add_(b)), [A, B]),
    "add_alpha_": (in_place(lambda a, b: a.add_(b, alpha=0.3)), [A, B]),
    "add_scalar_": (in_place(lambda a: a.add_(1.5)), [A]),
    "sub": (lambda a, b: a - b, [A, B]),
    "sub_scalar": (lambda a: a - 1.5, [A]),
    "sub_": (in_place(lambda a, b: a.sub_(b)), [A, B]),
    "sub_scalar_": (in_place(lambda a: a.sub_(1.5)), [A]),
    "rsub": (lambda a: 1.5 - a, [A]),
    "mul": (lambda a, b: a * b, [A, B]),
    "mul_broadcast": (lambda a, v: a * v, [A, V]),
    "mul_scalar": (lambda a: a * -0.25, [A]),
    "mul_": (in_place(lambda a, b: a.mul_(b)), [A, B]),
    "mul_scalar_": (in_place(lambda a: a.mul_(-0.25)), [A]),
    "div": (lambda a, b: a / b, [A, positive(3, 4)]),
    "div_scalar": (lambda a: a / 3.0, [A]),
    "div_": (in_place(lambda a, b: a.div_(b)), [A, positive(3, 4)]),
    "div_scalar_": (in_place(lambda a: a.div_(3.0)), [A]),
    "addcmul_": (in_place(lambda a, b, c: a.addcmul_(b, c, value=0.5)), [A, B, real(3, 4)]),
    "addcdiv_": (in_place(lambda a, b, c: a.addcdiv_(b, c, value=-0.5)), [A, B, positive(3, 4)]),
    "pow": (lambda a: a.pow(3), [A]),
    "maximum": (torch.maximum, [A, B]),
    "minimum": (torch.minimum, [A, B]),
    "neg": (lambda a: -a, [A]),
    "abs": (torch.abs, [A]),
    "exp": (torch.exp, [A]),
    "log": (torch.log, [positive(3, 4)]),
    "sqrt": (torch.sqrt, [positive(3, 4)]),
    "square": (torch.square, [A]),
    "rsqrt": (torch.rsqrt, [positive(3, 4)]),
    "sigmoid": (torch.sigmoid, [A]),
    "tanh": (torch.tanh, [A]),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b, 1e-3), [ROWS, GAMMA, BETA]),
    "gelu": (F.gelu, [A]),
    "silu": (F.silu, [A]),
    "relu": (torch.relu, [A]),
    "elu": (lambda a: F.elu(a, 0.8), [A]),
    "leaky_relu": (lambda a: F.leaky_relu(a, 0.1), [A]),
    "softplus": (lambda a: F.softplus(a, 2.0, 20.0), [A]),
    "clamp": (lambda a: a.clamp(-0.5, 0.75), [A]),
    "clamp_": (in_place(lambda a: a.clamp_(min=-0.5)), [A]),
    "isfinite": (lambda a: torch.isfinite(a / torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=a.dtype)), [A]),
    "eq": (torch.eq, [A, torch.where(MASK, A, B)]),
    "eq_scalar": (lambda a: a.eq(0.0), [A * MASK]),
    "ne": (torch.ne, [A, torch.where(MASK, A, B)]),
    "ne_scalar": (lambda a: a.ne(0.0), [A * MASK]),
    "lt": (lambda a: a.lt(0.1), [A]),
    "le": (lambda a: a.le(0.1), [A]),
    "gt": (lambda a: a.gt(0.1), [A]),
    "gt_tensor": (lambda a, b: a.gt(b), [A, B]),
    "ge": (lambda a: a.ge(0.1), [A]),
    "where": (lambda a, b: torch.where(a.gt(0), a, b), [A, B]),
    "masked_fill": (lambda a: a.masked_fill(a.gt(0), -3.0), [A]),
    "reshape": (lambda a: a.reshape(2, 6), [A]),
    "view": (lambda a: a.view(4, 3), [A]),
    "flatten": (lambda x: x.flatten(1), [IMAGE]),
    "unsqueeze": (lambda a: a.unsqueeze(1), [A]),
    "squeeze": (lambda a: a.squeeze(), [real(3, 1, 2)]),
    "squeeze_dim": (lambda a: a.squeeze(1), [real(3, 1, 2)]),
    "expand": (lambda a: a.expand(3, 4), [real(1, 4)]),
    "repeat": (lambda a: a.repeat(2, 1), [A]),
    "t": (lambda a: a.t(), [A]),
    "transpose": (lambda a: a.transpose(0, 2), [real(2, 3, 4)]),
    "permute": (lambda a: a.permute(2, 0, 1), [real(2, 3, 4)]),
    "flip": (lambda a: a.flip(1), [A]),
    "contiguous": (lambda a: a.t().contiguous(), [A]),
    "narrow": (lambda a: a.narrow(1, 1, 2), [A]),
    "select": (lambda a: a.select(0, 1), [A]),
    "slice": (lambda a: a[:, 0:4:2], [A]),
    "index_select": (lambda a: a.index_select(0, INDEX), [A]),
    "gather": (lambda a: a.gather(1, INDEX.view(3, 1)), [A]),
    "clone": (lambda a: a.clone(), [A]),
    "detach": (lambda a: a.detach() * a, [A]),
    "copy_": (in_place(lambda a, b: a.copy_(b)), [A, B]),
    "fill_": (in_place(lambda a: a.fill_(2.5)), [A]),
    "zero_": (in_place(lambda a: a.zero_()), [A]),
    "to": (lambda a: a.to(torch.float64), [A]),
    "cat": (lambda a, b: torch.cat([a, b], 1), [A, B]),
    "stack": (lambda a, b: torch.stack([a, b], 1), [A, B]),
    "sum": (lambda a: a.sum(), [A]),
    "sum_dim": (lambda a: a.sum(1, keepdim=True), [A]),
    "sum_dims": (lambda a: a.sum([0, 2]), [real(2, 3, 4)]),
    "mean": (lambda a: a.mean(), [A]),
    "mean_dims": (lambda a: a.mean([0, 2]), [real(2, 3, 4)]),
    "var": (lambda a: a.var([0], unbiased=False), [A]),
    "std": (lambda a: a.std(), [A]),
    "max": (lambda a: a.max(), [A]),
    "min": (lambda a: a.min(), [A]),
    "max_dim": (lambda a: a.max(1)[0], [A]),
    "min_dim": (lambda a: a.min(1)[0], [A]),
    "argmax": (lambda a: a.argmax(1), [A]),
    "topk": (lambda a: a.topk(2)[0], [A]),
    "norm": (lambda a: a.norm(2), [A]),
    "logsumexp": (lambda a: a.logsumexp(1), [A]),
    "softmax": (lambda a: a.softmax(1), [A]),
    "log_softmax": (lambda a: a.log_softmax(1), [A]),
    "all": (lambda a: a.gt(-3).all(), [A]),
    "any": (lambda a: a.gt(3).any(), [A]),
    "mm": (torch.mm, [A, real(4, 5)]),
    "matmul": (torch.matmul, [real(2, 3, 4), real(4, 5)]),
    "addmm": (lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2.0), [real(3, 5), A, real(4, 5)]),
    "linear": (F.linear, [A, real(5, 4), real(5)]),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), [IMAGE, KERNEL, BIAS]),
    "conv2d_groups": (lambda x, w: F.conv2d(x, w, None, padding=1, groups=3), [IMAGE, real(6, 1, 3, 3)]),
    "batch_norm_train": (lambda x, w, b, m, v: norm1d(x, w, b, m, v, True), [ROWS, GAMMA, BETA, MEAN, VAR]),
    "batch_norm_eval": (lambda x, w, b, m, v: norm1d(x, w, b, m, v, False), [ROWS, GAMMA, BETA, MEAN, VAR]),
    "batch_norm_2d": (lambda x, w, b, m, v: norm1d(x, w, b, m, v, True), [IMAGE, positive(3), real(3), real(3), positive(3)]),
    "dropout_eval": (lambda a: F.dropout(a, 0.5, False), [A]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), [IMAGE]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2, 2), [IMAGE]),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), [IMAGE]),
    "cross_entropy": (lambda x: F.cross_entropy(x, CLASSES), [LOGITS]),
    "cross_entropy_sum": (lambda x: F.cross_entropy(x, CLASSES, reduction="sum"), [LOGITS]),
    "cross_entropy_smoothed": (lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.1), [LOGITS]),
    "floor": (torch.floor, [A]),
    "round": (lambda a: (a * 3).round(), [A]),
    "round_decimals": (lambda a: a.round(decimals=2), [A]),
    "erfinv": (lambda a: (a * 0.49).erfinv(), [A]),
    "bitwise_and": (lambda a, b: whole(a) & whole(b), [A, B]),
    "bitwise_xor": (lambda a, b: whole(a) ^ whole(b), [A, B]),
    "bitwise_right_shift": (lambda a: whole(a) >> 3, [A]),
    "cumsum": (lambda a: a.cumsum(1), [A]),
    "index_copy_": (in_place(lambda a, b: a.index_copy_(0, torch.tensor([2, 0]), b)), [A, real(2, 4)]),
    "scatter_add_": (in_place(lambda a, b: a.scatter_add_(1, INDEX.view(3, 1), b)), [A, real(3, 1)]),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 3), value=0.5), [IMAGE]),
    "affine_grid": (lambda m: F.affine_grid(m, [2, 3, 4, 5], align_corners=False), [real(2, 2, 3)]),
    "grid_sample": (lambda x, g: F.grid_sample(x, g, align_corners=False), [IMAGE, GRID]),
    "grid_sample_border": (lambda x, g: F.grid_sample(x, g, padding_mode="border", align_corners=False), [IMAGE, GRID]),
    "grid_sample_reflection": (lambda x, g: F.grid_sample(x, g, padding_mode="reflection", align_corners=True), [IMAGE, GRID]),
    "grid_sample_nearest": (lambda x, g: F.grid_sample(x, g, "nearest", align_corners=False), [IMAGE, GRID]),
    "one_hot": (lambda x: F.one_hot(CLASSES, 7).to(x.dtype) * x, [LOGITS]),
    "eigh": (lambda a: torch.linalg.eigh(a @ a.t() + torch.diag(torch.arange(3.0, dtype=a.dtype)))[0], [A]),
}

# Statistics that a batch norm must leave behind, and those that it starts from, are no inputs of a gradient.
NO_GRADIENT = {"batch_norm_train": {3, 4}, "batch_norm_eval": {3, 4}, "batch_norm_2d": {3, 4}}
NAMES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


def evaluate():
    stored = {}
    for name, (function, inputs) in CASES.items():
        for label, dtype in (("f32", torch.float32), ("f64", torch.float64)):
            key = f"{name}/{label}"
            args = [x.to(dtype).clone().requires_grad_(i not in NO_GRADIENT.get(name, ())) for i, x in enumerate(inputs)]
            out = function(*args)
            for i, x in enumerate(args):
                stored[f"{key}/in{i}"] = x.detach()
            stored[f"{key}/out"] = out.detach()
            if not out.requires_grad:
                continue
            seed = real(*out.shape).to(out.dtype)
            stored[f"{key}/seed"] = seed
            (out * seed).sum().backward()
            for i, x in enumerate(args):
                if x.grad is not None:
                    stored[f"{key}/grad{i}"] = x.grad
    return stored


# name: (PyTorch's optimizer, whether the convexity operator exp(w - 5) follows each step); the names are those of OptimizerGoldenTests.cs
OPTIMIZERS = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.05), False),
    "sgd momentum decay": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=5e-4), False),
    "sgd nesterov": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True), True),
    "adam": (lambda p: torch.optim.Adam(p, lr=2e-3), True),
    "adam decay": (lambda p: torch.optim.Adam(p, lr=2e-3, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01), False),
    "adamw": (lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.05), True),
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
    target = Path(__file__).with_name("operators.safetensors")
    save(target, evaluate())
    save(target.with_name("optimizers.safetensors"), trajectories())
    print(f"{len(CASES)} cases with PyTorch {torch.__version__} -> {target.name}, {target.stat().st_size // 1024} KB", file=sys.stderr)
