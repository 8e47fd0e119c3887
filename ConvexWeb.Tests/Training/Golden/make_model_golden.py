#!/usr/bin/env python3
"""Makes models.json: for each network of torch_models.py its parameters' names and shapes, its count, and PyTorch's logits
for weights that a rule gives.

Run with Debian's python3-torch and python3-torchvision:  /usr/bin/python3 make_model_golden.py
The rule, which the tests repeat: for a tensor named n, value i in row-major order,
    h = (crc32(n) + (i + 1) * 2654435761) mod 2^32;  h ^= h >> 16;  h = h * 2246822519 mod 2^32;  h ^= h >> 13;  u = h / 2^32 * 2 - 1
all in float64, and then, rounded to float32 at the end,
    weight with two or more axes: u * gain / sqrt(fan_in), fan_in = product of all axes but the first;
        under a constraint |u| * 2 / fan_in, unless named in "free"
    weight with one axis, a norm's: 1 + 0.2 u       bias, running_mean: 0.1 u
    running_var: 1 + 0.5 u                          coefficients, scale: 0.5 + 0.3 u
    angle, trained: 0.3 u; angle, a buffer: 0.4 + 0.3 u
    the images, named "input": (u + 1) / 2
Logits, losses and gradients are computed in float64 from those float32 values. Cases with "train" use batch statistics and no
dropout; for them stand the loss (cross-entropy against "targets"), the gradients' l2 norms in the parameters' order, and the
running statistics' l2 norms after that one pass in the buffers' order. A bias in front of batch statistics has no gradient but
rounding's, so compare with a tolerance that is absolute.
"gain" is 1 but for deep networks, whose logits would hardly depend on the images otherwise. "free" are the weights that may be
negative under the constraint. A case without logits is there for its count and its shapes.
"""
import json
import sys
import zlib
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
import torchvision

from torch_models import ShiftNorm, build, free

TARGETS = [1, 3, 0, 2]


def uniform(name, shape):
    i = numpy.arange(1, int(numpy.prod(shape)) + 1, dtype=numpy.uint64)
    mask = numpy.uint64(0xFFFFFFFF)
    h = (numpy.uint64(zlib.crc32(name.encode())) + i * numpy.uint64(2654435761)) & mask
    h ^= h >> numpy.uint64(16)
    h = h * numpy.uint64(2246822519) & mask
    h ^= h >> numpy.uint64(13)
    return (h.astype(numpy.float64) / 2.0**32 * 2 - 1).reshape(shape)


def value(name, shape, constrained, kept, gain, trained=True):
    u, last = uniform(name, shape), name.rsplit(".", 1)[-1]
    if last in ("coefficients", "scale"):
        return 0.5 + 0.3 * u
    if last == "angle":
        return 0.3 * u if trained else 0.4 + 0.3 * u
    if last == "running_var":
        return 1 + 0.5 * u
    if last in ("bias", "running_mean"):
        return 0.1 * u
    assert last == "weight", name
    if len(shape) == 1:
        return 1 + 0.2 * u
    fan_in = float(numpy.prod(shape[1:]))
    return numpy.abs(u) * 2 / fan_in if constrained and name not in kept else u * gain / numpy.sqrt(fan_in)


def fill(model, constrained, kept, gain):
    trained = {name for name, _ in model.named_parameters()}
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                filled = value(name, tuple(tensor.shape), constrained, kept, gain, name in trained)
                tensor.copy_(torch.from_numpy(numpy.asarray(filled, dtype=numpy.float32)))


def images(shape):
    return torch.from_numpy(((uniform("input", shape) + 1) / 2).astype(numpy.float32)).double()


def case(name, model, ioc=False, classes=10, image=32, count=None, logits=True, train=False, channels=3, gain=1, **options):
    shape = [4 if train else 2, channels, image, image]
    if model in ("mlp", "ficnn", "seed001_mlp"):
        options["inputs"] = channels * image * image
    depth = {"stochastic_depth": 0} if train and model == "efficientnet_b0" else {}
    network = build(model, ioc, classes, **options, **depth)
    options.pop("inputs", None)
    held = sum(p.numel() for p in network.parameters())
    assert count is None or count == held, f"{name}: {held} parameters, not {count}"
    parameters = dict(network.named_parameters())
    kept = free(model, options.get("mode", "seed")) if ioc else []
    assert set(kept) <= set(parameters), name
    stored = {
        "name": name, "model": model, "variant": "ioc" if ioc else "base", "classes": classes, "input": shape, "options": options,
        "count": sum(p.numel() for p in parameters.values()),
        "free": kept,
        "parameters": [[n, list(t.shape)] for n, t in network.state_dict().items() if n in parameters],
        "buffers": [[n, list(t.shape)] for n, t in network.state_dict().items()
                    if n not in parameters and not n.endswith("num_batches_tracked")],
    }
    if logits:
        fill(network, ioc, kept, gain)
        network = network.double().train(train)
        out = network(images(shape))
        check(name, out.detach())
        stored["gain"], stored["train"] = gain, train
        stored["logits"] = out.tolist()
        if train:
            loss = F.cross_entropy(out, torch.tensor(TARGETS))
            loss.backward()
            stored["targets"], stored["loss"] = TARGETS, loss.item()
            assert list(parameters) == [n for n, _ in stored["parameters"]]
            stored["gradients"] = [p.grad.norm().item() for p in parameters.values()]
            state = network.state_dict()
            stored["statistics"] = [state[n].norm().item() for n, _ in stored["buffers"]]
    return stored


def check(name, out):
    """Logits must be finite and tell classes and images apart by more than float32's error, or equality would say little."""
    size = out.abs().max()
    across_classes, across_images = (out.amax(1) - out.amin(1)).min() / size, (out.amax(0) - out.amin(0)).max() / size
    print(f"{name:34} largest {size:9.3g}   spread over classes {across_classes:8.2g}, over images {across_images:8.2g}", file=sys.stderr)
    assert torch.isfinite(out).all() and across_classes > 1e-3 and across_images > 1e-5, name


def cases():
    """Counts are those of science.md, or of this file where it says so."""
    yield case("mlp base", "mlp", count=3_752_810)
    yield case("mlp ioc", "mlp", ioc=True, count=3_752_810)
    yield case("mlp base train", "mlp", count=3_752_810, train=True)
    yield case("mlp ioc train", "mlp", ioc=True, count=3_752_810, train=True)
    yield case("mlp MNIST", "mlp", image=28, channels=1, count=1_922_410)
    yield case("mlp CIFAR-100", "mlp", classes=100, count=3_824_900)
    yield case("mlp STL-10", "mlp", image=96, count=23_413_610, logits=False)
    one, three = {"width": 512, "depth": 1, "batch_norm": False}, {"width": 512, "depth": 3, "batch_norm": False}
    yield case("mlp 1x512 base", "mlp", image=28, count=1_209_866, **one)
    yield case("mlp 3x512 base", "mlp", image=28, count=1_735_178, **three)
    yield case("mlp 3x512 base train", "mlp", image=28, count=1_735_178, train=True, **three)
    # This file's: 3 x 1,024 for the norms.
    yield case("mlp 3x512 ioc", "mlp", ioc=True, image=28, count=1_738_250, **{**three, "batch_norm": True})

    yield case("allconv base", "allconv", count=1_369_738, gain=2.5)
    yield case("allconv ioc", "allconv", ioc=True, count=1_369_738)
    yield case("allconv base 100", "allconv", classes=100, count=1_387_108, gain=2.5)
    yield case("allconv ioc 100", "allconv", ioc=True, classes=100, count=1_387_108)
    yield case("allconv base train", "allconv", count=1_369_738, train=True, gain=2.5, input_dropout=0, dropout=0)

    yield case("densenet bc_100_12 base", "densenet", size="bc_100_12", count=769_162, gain=2.5)
    yield case("densenet bc_100_12 ioc", "densenet", ioc=True, size="bc_100_12", count=769_162)
    yield case("densenet bc_100_12 base train", "densenet", size="bc_100_12", count=769_162, train=True)
    yield case("densenet bc_100_12 ioc train", "densenet", ioc=True, size="bc_100_12", count=769_162, train=True)
    yield case("densenet bc_100_12 100", "densenet", classes=100, size="bc_100_12", count=800_032, logits=False)
    yield case("densenet 40_12 base", "densenet", size="40_12", count=1_019_722, gain=2.5)
    yield case("densenet 40_12 ioc", "densenet", ioc=True, size="40_12", count=1_019_722)
    yield case("densenet 100_12", "densenet", size="100_12", count=6_979_642, logits=False)
    yield case("densenet 121 base", "densenet", image=64, size="121", gain=2.5)
    yield case("densenet 121 ioc", "densenet", ioc=True, image=64, size="121")
    yield case("densenet 121 1000", "densenet", classes=1000, image=224, size="121", count=7_978_856, logits=False)

    yield case("mixer seed base", "mixer", image=72, count=200_202, mode="seed")
    yield case("mixer seed ioc", "mixer", ioc=True, image=72, count=208_458, mode="seed")
    yield case("mixer strict base", "mixer", image=72, count=200_202, mode="strict")
    yield case("mixer strict ioc", "mixer", ioc=True, image=72, count=200_202, mode="strict")
    yield case("mixer strict ioc doubled", "mixer", ioc=True, image=72, count=208_458, mode="strict", first_token_mult=2)
    yield case("mixer seed base train", "mixer", image=72, count=200_202, mode="seed", train=True)
    yield case("mixer strict ioc train", "mixer", ioc=True, image=72, count=200_202, mode="strict", train=True)
    yield case("mixer s16", "mixer", classes=1000, image=224, size="s16", count=18_528_264, logits=False, mode="seed")
    yield case("mixer b16", "mixer", classes=1000, image=224, size="b16", count=59_880_472, logits=False, mode="seed")

    yield case("cycle_mlp seed base", "cycle_mlp", image=64, size="b1", count=14_647_530, mode="seed")
    yield case("cycle_mlp seed ioc", "cycle_mlp", ioc=True, image=64, size="b1", count=14_647_530, mode="seed")
    yield case("cycle_mlp strict ioc", "cycle_mlp", ioc=True, image=64, size="b1", mode="strict")
    yield case("cycle_mlp tiny seed base", "cycle_mlp", image=64, size="tiny", mode="seed")
    yield case("cycle_mlp tiny strict ioc", "cycle_mlp", ioc=True, image=64, size="tiny", mode="strict")
    yield case("cycle_mlp tiny seed base train", "cycle_mlp", image=64, size="tiny", mode="seed", train=True)
    yield case("cycle_mlp tiny strict ioc train", "cycle_mlp", ioc=True, image=64, size="tiny", mode="strict", train=True)
    yield case("cycle_mlp 100", "cycle_mlp", classes=100, image=64, size="b1", count=14_693_700, logits=False, mode="seed")
    yield case("cycle_mlp 1000", "cycle_mlp", classes=1000, image=224, size="b1", count=15_155_400, logits=False, mode="seed")

    yield case("efficientnet_b0 base", "efficientnet_b0", image=64, count=4_020_358, squeeze="gate", gain=2.2)
    yield case("efficientnet_b0 base 32", "efficientnet_b0", count=4_020_358, squeeze="gate", stem_stride=1, gain=2.2)
    yield case("efficientnet_b0 ioc", "efficientnet_b0", ioc=True, image=64, squeeze="none")
    yield case("efficientnet_b0 ioc scale", "efficientnet_b0", ioc=True, image=64, squeeze="scale")
    yield case("efficientnet_b0 base train", "efficientnet_b0", image=64, count=4_020_358, squeeze="gate", train=True, dropout=0)
    yield case("efficientnet_b0 1000", "efficientnet_b0", classes=1000, image=224, count=5_288_548, squeeze="gate", logits=False)

    yield from randomization_cases()
    yield from sd_cases()
    yield from anneal_cases()

    yield case("ficnn", "ficnn", ioc=True, count=8_693_930)
    yield case("ficnn train", "ficnn", ioc=True, count=8_693_930, train=True)
    yield case("convex_head base", "convex_head", count=3_027_306)  # this file's: 93,696 in the body, 2,933,610 in the head
    yield case("convex_head ioc", "convex_head", ioc=True, count=3_027_306)
    yield case("convex_head ioc train", "convex_head", ioc=True, count=3_027_306, train=True)


def randomization_cases():
    """S8 and S8a."""
    normed = {"lrn": False, "batch_norm": True}
    yield case("small_alexnet base", "small_alexnet", image=28, count=1_387_786)
    yield case("small_alexnet base train", "small_alexnet", image=28, count=1_387_786, train=True)
    # This file's: 2 x (64 + 64 + 384 + 192) = 1,408 for the norms.
    yield case("small_alexnet normed base", "small_alexnet", image=28, count=1_389_194, **normed)
    yield case("small_alexnet ioc", "small_alexnet", ioc=True, image=28, count=1_389_194, **normed)
    yield case("small_alexnet ioc train", "small_alexnet", ioc=True, image=28, count=1_389_194, train=True, **normed)

    yield case("small_inception base", "small_inception", image=28, count=1_649_402, gain=2.5)
    yield case("small_inception base without norms", "small_inception", image=28, count=1_649_402, gain=2.2, batch_norm=False)
    yield case("small_inception base train", "small_inception", image=28, count=1_649_402, train=True)
    yield case("small_inception ioc", "small_inception", ioc=True, image=28, count=1_649_402)

    yield case("wide_resnet base", "wide_resnet", count=369_498)
    yield case("wide_resnet base train", "wide_resnet", count=369_498, train=True)
    yield case("wide_resnet ioc", "wide_resnet", ioc=True, count=369_498)
    yield case("wide_resnet ioc train", "wide_resnet", ioc=True, count=369_498, train=True)
    # 11,173,962 is known of many codes; the others are this file's.
    yield case("resnet18", "resnet18", count=11_173_962, logits=False)
    yield case("resnet18 base", "resnet18", width=16, count=701_466)
    yield case("resnet18 base train", "resnet18", width=16, count=701_466, train=True)
    yield case("resnet18 ioc", "resnet18", ioc=True, width=16, count=701_466)
    yield case("resnet18 ioc train", "resnet18", ioc=True, width=16, count=701_466, train=True)
    yield case("resnet18 kernel 7", "resnet18", width=8, kernel=7, count=940_242)

    yield case("seed001_mlp base", "seed001_mlp", count=4_522_610, layout="plain")
    yield case("seed001_mlp base train", "seed001_mlp", count=4_522_610, train=True, layout="plain", dropout=0)
    yield case("seed001_mlp 100", "seed001_mlp", classes=100, count=4_594_700, logits=False, layout="plain")
    yield case("seed001_mlp twin", "seed001_mlp", count=4_525_810, layout="twin")
    yield case("seed001_mlp ioc", "seed001_mlp", ioc=True, count=4_525_810, layout="ioc")
    yield case("seed001_mlp ioc train", "seed001_mlp", ioc=True, count=4_525_810, train=True, layout="ioc", dropout=0)

    yield case("seed001_cnn base", "seed001_cnn", count=896_522)
    yield case("seed001_cnn 100", "seed001_cnn", classes=100, count=908_132)
    yield case("seed001_cnn base train", "seed001_cnn", count=896_522, train=True, dropout=0)


def sd_cases():
    """S11.3. The large ones are there for their counts."""
    small = {"s_conv": 6_627, "s_local": 68_592, "s_fc": 792_816, "d_conv": 7_049, "d_local": 78_464, "d_fc": 4_190_848,
             "three_fc": 792_816 + 903}
    deep = {"s": 1, "d": 2.5, "t": 1}
    for kind, count in small.items():
        yield case(f"sd_net {kind}", "sd_net", count=count, gain=deep[kind[0]], kind=kind, alpha=1)
    for kind, count in {"s_conv": 3_939, "s_local": 38_688, "s_fc": 792_816}.items():
        yield case(f"sd_net {kind} valid", "sd_net", count=count, kind=kind, alpha=1, padding="valid")
    for kind, count in {"s_conv": 25_542, "s_local": 149_472, "d_conv": 26_862, "d_local": 257_280}.items():
        yield case(f"sd_net {kind} alpha 2", "sd_net", count=count, gain=deep[kind[0]], kind=kind, alpha=2)
    for kind in ("s_local", "d_conv", "d_local", "three_fc"):
        yield case(f"sd_net {kind} train", "sd_net", count=small[kind], train=True, kind=kind, alpha=1)
    large = {("s_conv", 150): 138_312_450, ("s_local", 150): 147_607_200, ("s_fc", 150): 256_240_800,
             ("three_fc", 150): 256_240_800 + 15_243, ("d_conv", 15): 1_445_955, ("d_local", 15): 11_713_920,
             ("d_fc", 15): 282_203_520, ("d_conv", 14): 1_260_210, ("d_local", 14): 10_230_528, ("d_fc", 14): 248_767_232}
    for (kind, alpha), count in large.items():
        yield case(f"sd_net {kind} alpha {alpha}", "sd_net", count=count, logits=False, kind=kind, alpha=alpha)


def anneal_cases():
    """S13.3."""
    counts = {"none": (75_482, 25_520), "between": (6_362, 2_848), "all": (5_082, 2_720)}
    for pooling, (count, thetas) in counts.items():
        shape = {"image": 28, "channels": 1, "pooling": pooling}
        yield case(f"anneal_cnn {pooling} fixed", "anneal_cnn", count=count, theta_mode="fixed", **shape)
        yield case(f"anneal_cnn {pooling} per_neuron", "anneal_cnn", count=count + thetas, theta_mode="per_neuron", **shape)
    shape = {"image": 28, "channels": 1, "pooling": "between"}
    yield case("anneal_cnn between shared", "anneal_cnn", count=6_363, theta_mode="shared", **shape)
    yield case("anneal_cnn between per_layer", "anneal_cnn", count=6_365, theta_mode="per_layer", **shape)
    for mode, count in {"fixed": 6_362, "shared": 6_363, "per_layer": 6_365, "per_neuron": 9_210}.items():
        yield case(f"anneal_cnn between {mode} train", "anneal_cnn", count=count, train=True, theta_mode=mode, **shape)


def check_parts():
    """The counts that science.md gives for single layers."""
    def sizes(module):
        return [sum(p.numel() for p in child.parameters()) for child in module.children() if any(True for _ in child.parameters())]

    assert sizes(build("allconv", False, 10)) == [2_688, 83_040, 83_040, 166_080, 331_968, 331_968, 331_968, 37_056, 1_930]
    mixer = build("mixer", False, 10)
    assert sizes(mixer) == [31_232, 4 * 41_856, 256, 1_290] and sizes(mixer.blocks[0]) == [256, 8_320, 256, 33_024]
    norms = [m for m in build("efficientnet_b0", False, 10).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-5, 0.1)}
    assert sizes(build("small_alexnet", False, 10)) == [4_864, 102_464, 1_204_608, 73_920, 1_930]
    assert sizes(build("anneal_cnn", False, 10, pooling="none")) == [272, 2_320, 2_320, 70_570]
    assert sizes(build("sd_net", False, 10, kind="s_fc", alpha=1)) == [786_432, 6_144, 240]
    assert sizes(build("sd_net", False, 10, kind="s_local", alpha=1, padding="valid")) == [34_992, 3_456, 240]
    assert sum(m.bias.numel() for m in build("small_inception", False, 10).modules() if isinstance(m, ShiftNorm)) == 1_712


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    check_parts()
    made = list(cases())
    assert len({c["name"] for c in made}) == len(made)
    target = Path(__file__).with_name("models.json")
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in made)
    target.write_text(f'{{"torch":"{torch.__version__}","torchvision":"{torchvision.__version__}","cases":[\n{lines}\n]}}\n')
    print(f"{len(made)} cases with PyTorch {torch.__version__}, torchvision {torchvision.__version__} "
          f"-> {target.name}, {target.stat().st_size // 1024} KB", file=sys.stderr)
    assert target.stat().st_size < 2 << 20
