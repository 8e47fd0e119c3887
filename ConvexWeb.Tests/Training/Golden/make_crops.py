#!/usr/bin/env python3
"""Makes crops.safetensors: what Pillow makes of boxes of an image, and torchvision of Resize and CenterCrop.

Run with Debian's python3-torchvision:  /usr/bin/python3 make_crops.py
Tensors: images [2, 3, 32, 40], uint8; boxes [6, 4]: top, left, height, width; for bilinear and bicubic NAME/crops [2, 6, 3, 24, 24],
uint8, each box of each image brought to 24 × 24; for square images [2, 3, 32, 32] NAME/middle [2, 3, 56, 56]: brought to 64 × 64,
the middle 56 cut out, and NAME/reduced [2, 3, 12, 12] from 14 × 14.
"""
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as F

from make_optimizer_golden import NAMES, save

NAMES.update({torch.uint8: "U8", torch.int64: "I64"})

BOXES = [(0, 0, 32, 40), (3, 5, 9, 12), (10, 20, 20, 15), (31, 39, 1, 1), (0, 7, 24, 24), (2, 0, 30, 22)]
rng = np.random.default_rng(11)
y, x, c = np.mgrid[0:32, 0:40, 0:3].astype(float)
smooth = (127 + 120 * np.sin(x / 3 + c) * np.cos(y / 4 - c)).clip(0, 255)
noisy = rng.integers(0, 256, smooth.shape)
pictures = [p.astype(np.uint8) for p in (smooth, noisy)]
squares = [Image.fromarray(p[:, :32]) for p in pictures]


def array(image):
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


out = {"images": torch.stack([torch.from_numpy(p.transpose(2, 0, 1).copy()) for p in pictures]), "boxes": torch.tensor(BOXES)}
for name, mode in (("bilinear", transforms.InterpolationMode.BILINEAR), ("bicubic", transforms.InterpolationMode.BICUBIC)):
    out[f"{name}/crops"] = torch.stack([torch.stack([
        array(F.resized_crop(Image.fromarray(p), top, left, height, width, [24, 24], mode)) for top, left, height, width in BOXES])
        for p in pictures])
    for key, size, side in (("middle", 64, 56), ("reduced", 14, 12)):
        cut = transforms.Compose([transforms.Resize(size, mode), transforms.CenterCrop(side)])
        out[f"{name}/{key}"] = torch.stack([array(cut(s)) for s in squares])
save(Path(__file__).with_name("crops.safetensors"), out)
