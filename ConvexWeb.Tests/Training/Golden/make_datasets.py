#!/usr/bin/env python3
"""Makes datasets.safetensors: small files in the formats of SVHN and ciFAIR, tiny pictures, and what Pillow makes of them.

Run with Debian's python3-torchvision and python3-scipy:  /usr/bin/python3 make_datasets.py
"""
import io
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import scipy.io
import torch
from make_optimizer_golden import NAMES, save
from PIL import Image
from torchvision import transforms

NAMES[torch.uint8] = "U8"
out = {}


def put(name, value):
    out[name] = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.ascontiguousarray(value)


def pixels(count):
    """[N, 3, 32, 32] in which no two directions can be mistaken for each other; the C# tests know the formula."""
    n, c, y, x = np.meshgrid(np.arange(count), np.arange(3), np.arange(32), np.arange(32), indexing="ij")
    return ((7 * n + 50 * c + 3 * y + 5 * x) % 256).astype(np.uint8)


# ---- SVHN: MATLAB 5 files -----------------------------------------------------------------------------------------------------

def mat(count, compressed, labels):
    file = io.BytesIO()
    scipy.io.savemat(file, {"X": pixels(count).transpose(2, 3, 1, 0), "y": labels.reshape(-1, 1)}, do_compression=compressed)
    return file.getvalue()


labels5, labels3 = np.array([1, 10, 9, 2, 5], np.uint8), np.array([10, 3, 4], np.uint8)
put("svhn_packed", mat(5, True, labels5))
put("svhn_plain", mat(3, False, labels3))
put("svhn_double", mat(5, True, labels5.astype(np.float64)))
put("svhn_float", mat(5, True, labels5.astype(np.float32)))


def element(kind, data):
    if len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(name, kind, shape, stored_as, data):
    flags, sizes = struct.pack("<II", kind, 0), struct.pack(f"<{len(shape)}i", *shape)
    return element(14, element(6, flags) + element(5, sizes) + element(1, name) + element(stored_as, data))


def packed(part):
    squeezed = zlib.compress(part)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


# As MATLAB itself writes: y is double, stored as bytes since its values are small; three of them lie in the tag.
head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
x = matrix(b"X", 9, (32, 32, 3, 3), 2, pixels(3).transpose(0, 1, 3, 2).tobytes())
put("svhn_matlab", head + packed(x) + packed(matrix(b"y", 6, (3, 1), 2, labels3.tobytes())))
put("svhn_without_y", head + packed(x))


# ---- ciFAIR: pickles ----------------------------------------------------------------------------------------------------------

def flat(count):
    return pixels(count).reshape(count, -1)


def text(value):
    return b"U" + bytes([len(value)]) + value


def python2(data, labels):
    """The bytes of Python 2's protocol 2, by hand: texts without encoding, numpy's array of its time, labels in two portions."""
    n = 0

    def memo():
        nonlocal n
        n += 1
        return b"q" + bytes([n])

    body = data.tobytes()
    array = (b"cnumpy.core.multiarray\n_reconstruct\n" + memo() + b"cnumpy\nndarray\n" + memo()
             + b"K\0\x85" + memo() + text(b"b") + memo() + b"\x87" + memo() + b"R" + memo())
    kind = (b"cnumpy\ndtype\n" + memo() + text(b"u1") + memo() + b"K\0K\1\x87" + memo() + b"R" + memo()
            + b"(K\3" + text(b"|") + memo() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb")
    state = (b"(K\1" + b"K" + bytes([len(data)]) + b"M\0\x0c\x86" + memo() + kind
             + b"\x89T" + struct.pack("<I", len(body)) + body + memo() + b"tb")
    half = len(labels) // 2
    numbers = (b"]" + memo() + b"(" + b"".join(b"K" + bytes([v]) for v in labels[:half]) + b"e"
               + b"(" + b"".join(b"M" + struct.pack("<H", v) for v in labels[half:]) + b"e")
    return (b"\x80\2}" + memo() + b"(" + text(b"batch_label") + memo() + text(b"training batch 1 of 5") + memo()
            + text(b"labels") + memo() + numbers
            + text(b"data") + memo() + array + state + text(b"filenames") + memo() + b"]" + memo() + text(b"a.png") + memo() + b"au.")


def python3(protocol, data, labels, key=b"labels"):
    return pickle.dumps({b"data": data, key: labels, "batch_label": "x"}, protocol=protocol)


labels2 = [3, 7]
assert pickle.loads(python2(flat(2), labels2), encoding="bytes")[b"labels"] == labels2
put("pickle_python2", python2(flat(2), labels2))
for protocol in (2, 3, 4):
    put(f"pickle_{protocol}", python3(protocol, flat(2), labels2))
put("pickle_scalars", python3(3, flat(2), [np.uint8(3), np.int64(7)]))
put("pickle_array_labels", python3(4, flat(2), np.array(labels2)))
put("pickle_float", python3(3, flat(2).astype(np.float32), labels2))
put("pickle_fortran", python3(3, np.asfortranarray(flat(2)), labels2))
put("pickle_big_endian", python3(3, flat(2), np.array(labels2, ">i4")))
put("pickle_set", pickle.dumps({"data": {1, 2}}, protocol=4))
put("pickle_object", pickle.dumps({"data": io.BytesIO}, protocol=2))


def archive(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packing:
        for name, data in files.items():
            packing.writestr(name, data)
    return file.getvalue()


put("cifair10_zip", archive({
    "ciFAIR-10/": b"",
    **{f"ciFAIR-10/data_batch_{b}": python2(flat(2), [b, b + 3]) for b in range(1, 6)},
    "ciFAIR-10/test_batch": python3(2, flat(3), [9, 8, 0]),
}))
put("cifair100_zip", archive({
    "ciFAIR-100/train": python3(2, flat(3), [99, 0, 50], b"fine_labels"),
    "ciFAIR-100/test": python3(4, flat(2), [98, 1], "fine_labels"),
}))


# ---- pictures -----------------------------------------------------------------------------------------------------------------

def scene(width, height):
    """Soft colours with one edge: [H, W, 3]."""
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    image = np.stack([40 + 160 * x, 200 - 150 * y, 90 + 80 * np.sin(5 * x + 3 * y)], -1)
    image[(x - .4) ** 2 + (y - .5) ** 2 < .05] += 30
    return Image.fromarray(np.clip(image + .5, 0, 255).astype(np.uint8))


def file_of(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


pictures = {
    "wide": file_of(scene(150, 110), quality=92),
    "tall": file_of(scene(70, 181), quality=92, subsampling=0),
    "small": file_of(scene(20, 25), quality=95, subsampling=0),
    "progressive": file_of(scene(150, 110), quality=92, progressive=True),
    "grey": file_of(scene(150, 110).convert("L"), quality=92),
    "cmyk": file_of(scene(150, 110).convert("CMYK"), quality=95),
    "png": file_of(scene(60, 45), "PNG"),
    "png_grey": file_of(scene(60, 45).convert("L"), "PNG"),
    "png_palette": file_of(scene(60, 45).quantize(32), "PNG"),
    "png_alpha": file_of(scene(60, 45).convert("RGBA"), "PNG"),
}
for name, data in pictures.items():
    put(f"picture_{name}", data)
    for side in (32, 64) if name in ("wide", "small") else (32,):
        square = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])(Image.open(io.BytesIO(data)).convert("RGB"))
        put(f"picture_{name}_{side}", np.asarray(square).transpose(2, 0, 1))

# ---- resizing of batches ------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(1)
image = rng.integers(70, 186, (24, 24, 3), dtype=np.uint8)
put("resize_input", image.transpose(2, 0, 1))
for name, kind in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
    for side in (9, 40):
        put(f"resize_{name}_{side}", np.asarray(Image.fromarray(image).resize((side, side), kind)).transpose(2, 0, 1))

save(Path(__file__).with_name("datasets.safetensors"), {name: torch.from_numpy(value.copy()) for name, value in out.items()})
