"""The project's networks in plain PyTorch (torchvision where it has them), written apart from the C# ones
so that equal outputs mean something.

build(model, ioc, classes, ...) gives a network whose parameters carry the names of torchvision, timm, CycleMLP's official code
or science.md;
free(model, ioc, mode) gives the weights that a constraint leaves alone. All images are [B, 3, H, W], all outputs logits [B, K].
"""
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import densenet as tv_densenet
from torchvision.models import efficientnet as tv_efficientnet
from torchvision.ops import deform_conv2d
from torchvision.ops.misc import SqueezeExcitation


class Mlp(nn.Module):
    """S2: flatten, three times Linear, BatchNorm, activation, and a last Linear."""

    def __init__(self, inputs, classes, act, width=800):
        super().__init__()
        self.act = act()
        for i in (1, 2, 3):
            self.add_module(f"fc{i}", nn.Linear(inputs if i == 1 else width, width))
            self.add_module(f"bn{i}", nn.BatchNorm1d(width))
        self.fc4 = nn.Linear(width, classes)

    def forward(self, x):
        x = x.flatten(1)
        x = self.act(self.bn1(self.fc1(x)))
        x = self.act(self.bn2(self.fc2(x)))
        x = self.act(self.bn3(self.fc3(x)))
        return self.fc4(x)


class AllConv(nn.Module):
    """S3: All-CNN-C with padding 1; the activation follows every convolution, the class layer's too, then the mean over places."""

    def __init__(self, classes, act, input_dropout=0.2, dropout=0.5):
        super().__init__()
        self.act, self.drop0, self.drop = act(), nn.Dropout(input_dropout), nn.Dropout(dropout)
        layers = [(3, 96, 3, 1), (96, 96, 3, 1), (96, 96, 3, 2), (96, 192, 3, 1),
                  (192, 192, 3, 1), (192, 192, 3, 2), (192, 192, 3, 1), (192, 192, 1, 1)]
        for i, (before, after, kernel, stride) in enumerate(layers, 1):
            self.add_module(f"conv{i}", nn.Conv2d(before, after, kernel, stride, kernel // 2))
        self.class_conv = nn.Conv2d(192, classes, 1)

    def forward(self, x):
        x = self.drop0(x)
        for i in range(1, 9):
            x = self.act(getattr(self, f"conv{i}")(x))
            if i in (3, 6):
                x = self.drop(x)
        return self.act(self.class_conv(x)).mean((2, 3))


def replace(module, kind, make):
    """Puts make(old) where a module of this kind stands, at its own index, so that all names stay."""
    for name, child in list(module.named_children()):
        if isinstance(child, kind):
            setattr(module, name, make(child))
        else:
            replace(child, kind, make)


class EluDenseNet(tv_densenet.DenseNet):
    """torchvision's forward with the last activation changed; the others are modules and are replaced."""

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(F.elu(self.features(x)), 1).flatten(1))


class PlainLayer(nn.Module):
    def __init__(self, channels, growth, act):
        super().__init__()
        self.norm1, self.act = nn.BatchNorm2d(channels), act()
        self.conv1 = nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv1(self.act(self.norm1(x)))], 1)


class PlainDenseNet(nn.Module):
    """S4 without bottleneck and compression: three blocks of (depth - 4) / 3 layers behind 16 channels."""

    def __init__(self, depth, growth, classes, act):
        super().__init__()
        channels, parts = 16, OrderedDict(conv0=nn.Conv2d(3, 16, 3, padding=1, bias=False))
        for block in (1, 2, 3):
            layers = OrderedDict()
            for i in range(1, (depth - 4) // 3 + 1):
                layers[f"denselayer{i}"] = PlainLayer(channels, growth, act)
                channels += growth
            parts[f"denseblock{block}"] = nn.Sequential(layers)
            if block < 3:
                parts[f"transition{block}"] = nn.Sequential(OrderedDict(
                    norm=nn.BatchNorm2d(channels), act=act(), conv=nn.Conv2d(channels, channels, 1, bias=False), pool=nn.AvgPool2d(2)))
        parts["norm5"] = nn.BatchNorm2d(channels)
        parts["act5"] = act()
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def densenet(size, classes, ioc):
    if size in ("40_12", "100_12"):
        return PlainDenseNet(int(size.split("_")[0]), 12, classes, nn.ELU if ioc else nn.ReLU)
    kind = EluDenseNet if ioc else tv_densenet.DenseNet
    if size == "121":
        model = kind(32, (6, 12, 24, 16), 64, num_classes=classes)
    else:
        blocks = (6, 6, 6) if size == "bc_40_12" else (16, 16, 16)
        model = kind(12, blocks, 24, num_classes=classes)
        model.features.conv0 = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        del model.features.norm0, model.features.relu0, model.features.pool0
    if ioc:
        replace(model, nn.ReLU, lambda _: nn.ELU(inplace=True))
    return model


class TwoLayers(nn.Module):
    def __init__(self, before, hidden, after, act):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(before, hidden), act(), nn.Linear(hidden, after)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class ChannelNorm(nn.Module):
    """BatchNorm over the last axis, whatever stands before it; parameters and statistics are this module's own, as LayerNorm's are."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, self.training, 0.1, 1e-5).reshape(x.shape)


class MixerBlock(nn.Module):
    def __init__(self, tokens, channels, token_width, channel_width, act, norm):
        super().__init__()
        self.norm1, self.mlp_tokens = norm(channels), TwoLayers(tokens, token_width, tokens, act)
        self.norm2, self.mlp_channels = norm(channels), TwoLayers(channels, channel_width, channels, act)

    def forward(self, x):  # [B, S, C]
        x = x + self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mlp_channels(self.norm2(x))


class Mixer(nn.Module):
    """S5."""

    def __init__(self, image, patch, channels, token_width, channel_width, blocks, classes, act, norm, first_token_mult=1):
        super().__init__()
        tokens = (image // patch) ** 2
        self.stem = nn.Sequential(OrderedDict(proj=nn.Conv2d(3, channels, patch, patch)))
        self.blocks = nn.Sequential(*[
            MixerBlock(tokens, channels, token_width * (first_token_mult if i == 0 else 1), channel_width, act, norm)
            for i in range(blocks)])
        self.norm, self.head = norm(channels), nn.Linear(channels, classes)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(1))


class CycleFC(nn.Module):
    """A 1 × 1 deformable convolution whose channel i looks (i + 1) % 3 - 1 pixels aside: along the row for "row",
    along the column for "column"."""

    def __init__(self, channels, along):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(channels, channels, 1, 1)), nn.Parameter(torch.zeros(channels))
        nn.init.trunc_normal_(self.weight, std=0.02)
        offsets = torch.zeros(channels, 2)  # (dy, dx) for each channel, the order of deform_conv2d
        offsets[:, 1 if along == "row" else 0] = (torch.arange(channels) + 1) % 3 - 1.0
        self.register_buffer("offset", offsets.reshape(1, -1, 1, 1), persistent=False)

    def forward(self, x):  # [B, C, H, W]
        offset = self.offset.expand(x.shape[0], -1, *x.shape[2:])
        return deform_conv2d(x, offset, self.weight, self.bias)


class CycleAttention(nn.Module):
    """The official kernel (1, 3) is sfc_h and shifts along the row; (3, 1) is sfc_w. The gate's output is read as [B, C, 3]:
    h gets 0, w 1, c 2."""

    def __init__(self, channels, act, gate):
        super().__init__()
        self.mlp_c = nn.Linear(channels, channels, bias=False)
        self.sfc_h, self.sfc_w = CycleFC(channels, "row"), CycleFC(channels, "column")
        if gate:
            self.reweight = TwoLayers(channels, channels // 4, 3 * channels, act)
        else:
            self.coefficients = nn.Parameter(torch.full((3, channels), 1 / 3))
        self.proj = nn.Linear(channels, channels)

    def forward(self, x):  # [B, H, W, C]
        first = x.permute(0, 3, 1, 2)
        h, w, c = self.sfc_h(first).permute(0, 2, 3, 1), self.sfc_w(first).permute(0, 2, 3, 1), self.mlp_c(x)
        if hasattr(self, "reweight"):
            mean = (h + w + c).mean((1, 2))
            k = self.reweight(mean).reshape(len(x), -1, 3).softmax(2)[:, None, None]  # [B, 1, 1, C, 3]
            return self.proj(h * k[..., 0] + w * k[..., 1] + c * k[..., 2])
        k = self.coefficients
        return self.proj(h * k[0] + w * k[1] + c * k[2])


class CycleBlock(nn.Module):
    def __init__(self, channels, act, norm, gate):
        super().__init__()
        self.norm1, self.attn = norm(channels), CycleAttention(channels, act, gate)
        self.norm2, self.mlp = norm(channels), TwoLayers(channels, 4 * channels, channels, act)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Projection(nn.Module):
    """A convolution on channels-last values; first says that they still come channels-first."""

    def __init__(self, before, after, kernel, stride, padding, first=False):
        super().__init__()
        self.proj, self.first = nn.Conv2d(before, after, kernel, stride, padding), first

    def forward(self, x):
        return self.proj(x if self.first else x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class CycleMlp(nn.Module):
    """S6: depths 2, 2, 4, 2; LayerNorm with its default eps of 1e-5."""

    def __init__(self, widths, classes, act, norm, gate):
        super().__init__()
        self.patch_embed = Projection(3, widths[0], 7, 4, 2, first=True)
        network = []
        for i, depth in enumerate((2, 2, 4, 2)):
            if i > 0:
                network.append(Projection(widths[i - 1], widths[i], 3, 2, 1))
            network.append(nn.Sequential(*[CycleBlock(widths[i], act, norm, gate) for _ in range(depth)]))
        self.network = nn.Sequential(*network)
        self.norm, self.head = norm(widths[-1]), nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.norm(self.network(self.patch_embed(x))).mean((1, 2)))


class Scale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * self.scale.view(1, -1, 1, 1)


def efficientnet(classes, ioc, squeeze, stem_stride=2, dropout=0.2, stochastic_depth=0.2):
    """S7a. squeeze: gate, none or scale. What replaces squeeze and excitation keeps its index, so the projection behind it
    keeps its name."""
    stages, last = tv_efficientnet._efficientnet_conf("efficientnet_b0", width_mult=1.0, depth_mult=1.0)
    model = tv_efficientnet.EfficientNet(stages, dropout, stochastic_depth, classes, last_channel=last)
    if squeeze != "gate":
        replace(model, SqueezeExcitation, lambda old: Scale(old.fc1.in_channels) if squeeze == "scale" else nn.Identity())
    if ioc:
        replace(model, nn.SiLU, lambda _: nn.ELU())
    model.features[0][0].stride = (stem_stride, stem_stride)
    return model


class Ficnn(nn.Module):
    """S7c: every layer sees x again through a weight of any sign; only the weights between the hidden layers are to be non-negative."""

    def __init__(self, inputs, classes, width=800):
        super().__init__()
        outputs = (width, width, width, classes)
        for i in (1, 2, 3, 4):
            self.add_module(f"x{i}", nn.Linear(inputs, outputs[i - 1]))
        for i in (2, 3, 4):
            self.add_module(f"z{i}", nn.Linear(width, outputs[i - 1], bias=False))

    def forward(self, x):
        x = x.flatten(1)
        z = F.relu(self.x1(x))
        z = F.relu(self.z2(z) + self.x2(x))
        z = F.relu(self.z3(z) + self.x3(x))
        return self.z4(z) + self.x4(x)


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        for i, (before, after) in enumerate([(3, 32), (32, 64), (64, 128)], 1):
            self.add_module(f"conv{i}", nn.Conv2d(before, after, 3, padding=1))
            self.add_module(f"bn{i}", nn.BatchNorm2d(after))

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.max_pool2d(F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))), 2)
        return x.flatten(1)


class ConvexHead(nn.Module):
    """S7b: the body is free and always has ReLU; the head is the MLP of S2 on its 128 × 4 × 4 features."""

    def __init__(self, classes, act):
        super().__init__()
        self.body, self.head = Body(), Mlp(2048, classes, act)

    def forward(self, x):
        return self.head(self.body(x))


MIXERS = {"seed": (72, 9, 128, 64, 128, 4), "s16": (224, 16, 512, 256, 2048, 8), "b16": (224, 16, 768, 384, 3072, 12)}
CYCLES = {"b1": (64, 128, 320, 512), "tiny": (16, 32, 80, 128)}


def build(model, ioc, classes, size=None, mode="seed", inputs=3072, **more):
    """mode, for mixer and cycle_mlp: seed keeps LayerNorm (and the gate), strict has BatchNorm over the channels
    (and learned coefficients)."""
    relu, gelu, strict = nn.ELU if ioc else nn.ReLU, nn.ELU if ioc else nn.GELU, mode == "strict"
    if model == "mlp":
        return Mlp(inputs, classes, relu)
    if model == "allconv":
        return AllConv(classes, relu, **more)
    if model == "densenet":
        return densenet(size or "bc_100_12", classes, ioc)
    if model == "mixer":
        # 1e-5 in the seed's code, 1e-6 in Google's.
        norm = ChannelNorm if strict else lambda channels: nn.LayerNorm(channels, eps=1e-5 if (size or "seed") == "seed" else 1e-6)
        return Mixer(*MIXERS[size or "seed"], classes, gelu, norm, **{"first_token_mult": 2 if ioc and not strict else 1, **more})
    if model == "cycle_mlp":
        return CycleMlp(CYCLES[size or "b1"], classes, gelu, ChannelNorm if strict else nn.LayerNorm, not strict)
    if model == "efficientnet_b0":
        return efficientnet(classes, ioc, **{"squeeze": "none" if ioc else "gate", **more})
    if model == "ficnn":
        return Ficnn(inputs, classes)
    if model == "convex_head":
        return ConvexHead(classes, relu)
    raise ValueError(f"There is no model {model}.")


# What the sources' code leaves alone; in mode strict all that is affine in the images, but for the coefficients, which S6 wants
# non-negative everywhere.
FREE = {
    "mlp": ["fc1"],
    "allconv": ["conv1"],
    "densenet": ["features.conv0"],
    "mixer": ["stem.proj", "blocks.0.norm1"],
    "mixer strict": ["stem.proj", "blocks.0.norm1", "blocks.0.mlp_tokens.fc1"],
    "cycle_mlp": ["patch_embed.proj", "network.0.0.norm1", "network.0.0.attn.sfc_h", "network.0.0.attn.sfc_w",
                  "network.0.0.attn.reweight.fc1"],
    "cycle_mlp strict": ["patch_embed.proj", "network.0.0.norm1", "network.0.0.attn.sfc_h", "network.0.0.attn.sfc_w",
                         "network.0.0.attn.mlp_c",
                         "network.0.0.attn.proj", "network.0.0.norm2", "network.0.0.mlp.fc1"],
    "efficientnet_b0": ["features.0.0"],
    "ficnn": ["x1", "x2", "x3", "x4"],
    "convex_head": ["body.conv1", "body.bn1", "body.conv2", "body.bn2", "body.conv3", "body.bn3", "head.fc1"],
}


def free(model, mode="seed"):
    return [name + ".weight" for name in FREE[f"{model} strict" if mode == "strict" else model]]
