#!/usr/bin/env python3
"""Makes corruptions.json: the corruptions of science.md, section C and S8a.4, written in NumPy from that text alone.

Run with Debian's python3-numpy:  /usr/bin/python3 make_corruptions.py
The tests repeat the images by a rule: 100 of them, [100, 3, 32, 32], uint8; place k = 32 * row + column of channel c of image i holds
    (i * 7919 + c * 104729 + k * 31 + k * k mod 251) mod 256
and label i is 7 * i mod 10. The test split is made of the same images. The corruption seed is 42.
"labels" holds whole vectors. "images" holds for each corruption its sides, 32 and, where it is defined on crops, 28 (the middle),
and for each side
    uint8 results: train and test, sha256 of the bytes of all 100 images in the order N, C, H, W;
    float results, on the scale of 0 to 1: the channels' mean and deviation of the training images (gaussian alone), and for train and
        test the sum and the sum of squares of all values and the first 12 values of some images, again in the order C, H, W.
"printed" holds the numbers that section C prints for seed 42; this script asserts them.

Resolved here, where the text is silent:
- seed001_gaussian: the key is mix(seed, 14, i), three normals, z0 and z1 of the first pair and z0 of the second, for rows 0, 1, 2 of all
  channels; the value is int(m + s * z), cut towards 0, with m and s of S8a.3's Normalize, channel 0's for row 0 and so on. This gives the
  text's "truncated to 0 (about 2 % to 1)", and it is what the seed's Code.py does.
- Rows gather as other permutations do: row r of the result is row perm[r] of the image.
- add_noise of the test split is the noisy one; the clean one is the plain images.
"""
import hashlib
import json
import math
from pathlib import Path

import numpy as np

SEED, COUNT, CLASSES = 42, 100, 10
MASK = (1 << 64) - 1
STATED_MEAN, STATED_SD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)


# ---- Numbers ------------------------------------------------------------------------------------------------------------------

def finalised(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def outputs(state, count):
    """SplitMix64's successive outputs from this state."""
    return [finalised(state + step * 0x9E3779B97F4A7C15 & MASK) for step in range(1, count + 1)]


def mix(*keys):
    h = 0
    for key in keys:
        h = outputs(h ^ key, 1)[0]
    return h


def u01(h):
    return (h >> 11) * 2.0**-53


def sequence(key, count):
    return [u01(h) for h in outputs(key, count)]


def permutation(key, count):
    """Fisher-Yates from the end."""
    order = list(range(count))
    for i, u in zip(range(count - 1, 0, -1), sequence(key, count - 1)):
        j = math.floor(u * (i + 1))
        order[i], order[j] = order[j], order[i]
    return np.array(order)


def normals(key, count):
    """Box-Muller on successive pairs: z0 with the cosine, z1 with the sine."""
    u = np.array(sequence(key, count + count % 2)).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count]


# ---- Labels -------------------------------------------------------------------------------------------------------------------

def hit(p, i):
    return u01(mix(SEED, 1, i)) < p


def drawn(classes, i):
    return math.floor(classes * u01(mix(SEED, 2, i)))


def partial(truth, p):
    return [drawn(CLASSES, i) if hit(p, i) else t for i, t in enumerate(truth)]


def exact_order(count):
    return sorted(range(count), key=lambda i: mix(SEED, 6, i))


def partial_exact(truth, p):
    taken = set(exact_order(len(truth))[:round(p * len(truth))])
    return [drawn(CLASSES, i) if i in taken else t for i, t in enumerate(truth)]


def sym_wrong(truth, p):
    return [(t + 1 + drawn(CLASSES - 1, i)) % CLASSES if hit(p, i) else t for i, t in enumerate(truth)]


def seed001_labels(truth, p):
    labels, draws = list(truth), int(p * len(truth))
    for place, kind in zip(sequence(mix(SEED, 11, 0), draws), sequence(mix(SEED, 12, 0), draws)):
        labels[math.floor(len(truth) * place)] = math.floor(10 * kind)
    return labels


# ---- Images -------------------------------------------------------------------------------------------------------------------

def plain_images():
    i, c, k = np.meshgrid(np.arange(COUNT), np.arange(3), np.arange(1024), indexing="ij")
    return ((i * 7919 + c * 104729 + k * 31 + k * k % 251) % 256).astype(np.uint8).reshape(COUNT, 3, 32, 32)


def crop(images, side):
    start = (images.shape[2] - side) // 2
    return images[:, :, start:start + side, start:start + side]


def gathered(images, order_of):
    flat = images.reshape(len(images), 3, -1)
    return np.stack([image[:, order_of(i)] for i, image in enumerate(flat)]).reshape(images.shape)


def shuffled_pixels(images, stream=3):
    order = permutation(mix(SEED, stream, 0), images.shape[2] * images.shape[3])
    return gathered(images, lambda i: order)


def random_pixels(images, stream):
    return gathered(images, lambda i: permutation(mix(SEED, stream, i), images.shape[2] * images.shape[3]))


def noise(images, stream):
    return np.stack([normals(mix(SEED, stream, i), image.size).reshape(image.shape) for i, image in enumerate(images)])


def seed001_gaussian(images, mean, sd):
    changed = images.copy()
    for i in range(len(images)):
        for row, z in enumerate(normals(mix(SEED, 14, i), 3)):
            changed[i, :, row, :] = int(mean[row] + sd[row] * z) % 256
    return changed


def seed001_rows(images):
    return np.stack([image[:, permutation(mix(SEED, 13, i), 32), :] for i, image in enumerate(images)])


# ---- What is stored -----------------------------------------------------------------------------------------------------------

def digest(images):
    assert images.dtype == np.uint8
    return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()


def numbers(values, shown):
    assert values.dtype == np.float64
    return {"sum": math.fsum(values.reshape(-1)), "sum_squares": math.fsum(np.square(values).reshape(-1)),
            "first": {str(i): values[i].reshape(-1)[:12].tolist() for i in shown}}


def of_side(side):
    """Each corruption at this side; those of the seed's code know the whole image only."""
    images = np.ascontiguousarray(crop(plain_images(), side))
    unit = images / 255.0
    mean, sd = unit.mean((0, 2, 3)), unit.std((0, 2, 3))

    def both(train, test):
        return {"train": digest(train), "test": digest(test)}

    def floats(make, train, test):
        return {"train": numbers(make(noise(images, train)), (0, 57)), "test": numbers(make(noise(images, test)), (0,))}

    def normal_images(z):
        return mean.reshape(3, 1, 1) + sd.reshape(3, 1, 1) * z

    made = {
        "true": both(images, images),
        "shuffled_pixels": both(shuffled_pixels(images), shuffled_pixels(images)),
        "random_pixels": both(random_pixels(images, 4), random_pixels(images, 7)),
        "gaussian": {"mean": mean.tolist(), "sd": sd.tolist(), **floats(normal_images, 5, 8)},
        "add_noise": {"s": 0.2, **floats(lambda z: unit + 0.2 * z, 9, 10)},
    }
    if side == 32:
        coded = seed001_gaussian(images, STATED_MEAN, STATED_SD)
        made["seed001_gaussian"] = both(coded, images)
        made["seed001_rows"] = both(seed001_rows(images), images)
        made["seed001_shuffled"] = both(shuffled_pixels(images), images)
        assert set(np.unique(coded[:, :, :3])) <= {0, 1}
    return made


def printed():
    """Section C's golden values, each asserted against what the functions above give."""
    def near(values, decimals):
        assert np.abs(np.array(values) - decimals).max() <= 5.1e-7, (values, decimals)
        return decimals

    def equal(values, stated):
        assert [int(v) for v in values] == stated, (values, stated)
        return stated

    def words(values, stated):
        assert [f"{v:016x}" for v in values] == stated
        return stated

    def hits(p):
        return sum(hit(p, i) for i in range(50_000))

    return {
        "splitmix64_of_0": words(outputs(0, 3), ["e220a8397b1dcdaf", "6e789e6aa1b965f4", "06c45d188009454f"]),
        "mix": dict(zip(("1,0", "3,0", "4,0", "5,0", "6,0"), words(
            [mix(SEED, stream, 0) for stream in (1, 3, 4, 5, 6)],
            ["93be8420bb55b94c", "2ce02c4ee4d2ea09", "e8daa97075f9d9e8", "b403f1ab4af08464", "e2fb18e7ec6f0ca8"]))),
        "mask": near([u01(mix(SEED, 1, i)) for i in range(8)],
                     [0.577126, 0.339722, 0.953714, 0.581013, 0.690508, 0.946719, 0.736445, 0.105841]),
        "classes_10": equal([drawn(10, i) for i in range(16)], [0, 7, 1, 1, 2, 9, 2, 9, 1, 3, 5, 2, 0, 9, 5, 7]),
        "classes_100": equal([drawn(100, i) for i in range(8)], [2, 79, 14, 11, 22, 99, 23, 93]),
        "hits_of_50000": dict(zip(("0.1", "0.5", "0.9"), equal([hits(p) for p in (0.1, 0.5, 0.9)], [4_888, 24_984, 45_011]))),
        "exact_order_of_50000": equal(exact_order(50_000)[:4], [2133, 38860, 21311, 40700]),
        "shared_784": equal(permutation(mix(SEED, 3, 0), 784)[:10], [269, 571, 717, 398, 182, 735, 26, 536, 7, 4]),
        "shared_1024": equal(permutation(mix(SEED, 3, 0), 1024)[:5], [219, 165, 791, 56, 1009]),
        "train_0_of_784": equal(permutation(mix(SEED, 4, 0), 784)[:5], [406, 701, 439, 193, 255]),
        "test_0_of_784": equal(permutation(mix(SEED, 7, 0), 784)[:5], [531, 648, 219, 551, 594]),
        "normals_5": near(normals(mix(SEED, 5, 0), 4), [-0.343459, -2.496903, 0.497658, -0.593679]),
        "normals_8": near(normals(mix(SEED, 8, 0), 2), [-1.073286, -1.075982]),
        "normals_9": near(normals(mix(SEED, 9, 0), 2), [0.777313, -1.283659]),
    }


def written(value, levels):
    """JSON with a line for each entry of the outer objects."""
    if levels == 0 or not isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return "{\n" + ",\n".join(f"{json.dumps(name)}:{written(part, levels - 1)}" for name, part in value.items()) + "\n}"


if __name__ == "__main__":
    truth = [i * 7 % 10 for i in range(COUNT)]
    stored = {
        "seed": SEED,
        "labels": {
            "truth": truth,
            "partial 0.5": partial(truth, 0.5),
            "partial_exact 0.3": partial_exact(truth, 0.3),
            "random": partial(truth, 1),
            "sym_wrong 0.4": sym_wrong(truth, 0.4),
            "seed001_labels 0.5": seed001_labels(truth, 0.5),
        },
        "images": {str(side): of_side(side) for side in (32, 28)},
        "printed": printed(),
    }
    target = Path(__file__).with_name("corruptions.json")
    target.write_text(written(stored, 3) + "\n")
    print(f"{target.name}, {target.stat().st_size // 1024} KB")
