#!/usr/bin/env python3
"""Makes augmentations.safetensors: what Pillow, which timm's RandAugment calls, makes of some images by each operation,
and torchvision of colour jitter's three.

Run with Debian's python3-torchvision:  /usr/bin/python3 make_augmentations.py
Tensors, all uint8: rgb [4, 3, 16, 24] and grey [4, 1, 20, 20], the images; rgb/Rotate/13.5 and so on, every one of them
by that operation and argument.
"""
import sys
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision.transforms.functional as F
from make_optimizer_golden import NAMES, save
from PIL import Image, ImageEnhance, ImageOps

FILL = (124, 117, 104)
NAMES[torch.uint8] = "U8"


def pictures(channels, height, width):
    """A smooth one, a noisy one, a dark one of few levels, and one of a single level."""
    rng = np.random.default_rng(7)
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(float)
    smooth = 127 + 90 * np.sin(x / 5 + c) * np.cos(y / 7 - c) + 20 * (x > width / 2)
    noisy = rng.integers(0, 256, smooth.shape)
    dark = rng.integers(3, 60, smooth.shape) // 9 * 9 + 2 * (y > 10)
    return [Image.fromarray(p.astype(np.uint8).squeeze()) for p in (smooth, noisy, dark, np.full(smooth.shape, 77))]


def moved(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BILINEAR, fillcolor=FILL if image.mode == "RGB" else FILL[0])


def solarize_add(image, addend):
    return image.point([min(255, v + addend) if v < 128 else v for v in range(256)] * len(image.getbands()))


OPERATIONS = {
    "AutoContrast": (lambda i, v: ImageOps.autocontrast(i), [0]),
    "Equalize": (lambda i, v: ImageOps.equalize(i), [0]),
    "Invert": (lambda i, v: ImageOps.invert(i), [0]),
    "Posterize": (lambda i, v: ImageOps.posterize(i, v), [4, 1, 0]),
    "Solarize": (lambda i, v: ImageOps.solarize(i, v), [26, 128, 256, 0]),
    "SolarizeAdd": (solarize_add, [0, 99]),
    "Color": (lambda i, v: ImageEnhance.Color(i).enhance(v), [0.1, 0.19, 1.81]),
    "Contrast": (lambda i, v: ImageEnhance.Contrast(i).enhance(v), [0.1, 0.19, 1.81]),
    "Brightness": (lambda i, v: ImageEnhance.Brightness(i).enhance(v), [0.1, 0.19, 1.81]),
    "Sharpness": (lambda i, v: ImageEnhance.Sharpness(i).enhance(v), [0.1, 0.19, 1.81]),
    "Rotate": (lambda i, v: i.rotate(v, resample=Image.BILINEAR, fillcolor=FILL if i.mode == "RGB" else FILL[0]), [27.0, -13.5]),
    "ShearX": (lambda i, v: moved(i, (1, v, 0, 0, 1, 0)), [0.27, -0.21]),
    "ShearY": (lambda i, v: moved(i, (1, 0, 0, v, 1, 0)), [0.27, -0.21]),
    "TranslateX": (lambda i, v: moved(i, (1, 0, v * i.size[0], 0, 1, 0)), [0.405, -0.25]),
    "TranslateY": (lambda i, v: moved(i, (1, 0, 0, 0, 1, v * i.size[1])), [0.405, -0.25]),
}
JITTER = {"Brightness": F.adjust_brightness, "Contrast": F.adjust_contrast, "Color": F.adjust_saturation}


def tensor(images):
    return torch.stack([F.pil_to_tensor(i) for i in images])


if __name__ == "__main__":
    stored = {}
    for kind, images in (("rgb", pictures(3, 16, 24)), ("grey", pictures(1, 20, 20))):
        stored[kind] = tensor(images)
        for name, (operation, arguments) in OPERATIONS.items():
            # Pillow takes an image without colour for one channel of grey.
            for argument in [] if (kind, name) == ("grey", "Color") else arguments:
                stored[f"{kind}/{name}/{argument}"] = tensor([operation(i, argument) for i in images])
        for name, operation in JITTER.items():
            if (kind, name) != ("grey", "Color"):
                stored[f"{kind}/{name}/1.37"] = tensor([operation(i, 1.37) for i in images])
    target = Path(__file__).with_name("augmentations.safetensors")
    save(target, stored)
    print(f"{len(stored)} tensors with Pillow {PIL.__version__} -> {target.name}, {target.stat().st_size // 1024} KB", file=sys.stderr)
