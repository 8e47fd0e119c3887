"""The project's networks in plain PyTorch (torchvision where it has them), written apart from the C# ones
so that equal outputs mean something.

build(model, ioc, classes, ...) gives a network whose parameters carry the names of torchvision, timm, CycleMLP's official code
or science.md;
free(model, mode) gives the weights that a constraint leaves alone. All images are [B, C, H, W] with C = 3 but for anneal_cnn,
all outputs logits [B, K].
"""
import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import densenet as tv_densenet
from torchvision.models import efficientnet as tv_efficientnet
from torchvision.models import resnet as tv_resnet
from torchvision.ops import deform_conv2d
from torchvision.ops.misc import SqueezeExcitation


class Mlp(nn.Module):
    """S2: flatten, three times Linear, BatchNorm, activation, and a last Linear. S8 has one or three of them without BatchNorm."""

    def __init__(self, inputs, classes, act, width=800, depth=3, batch_norm=True):
        super().__init__()
        self.act, self.depth = act(), depth
        for i in range(1, depth + 1):
            self.add_module(f"fc{i}", nn.Linear(inputs if i == 1 else width, width))
            if batch_norm:
                self.add_module(f"bn{i}", nn.BatchNorm1d(width))
        self.add_module(f"fc{depth + 1}", nn.Linear(width, classes))

    def forward(self, x):
        x = x.flatten(1)
        for i in range(1, self.depth + 1):
            x = self.act(normed(self, f"bn{i}", getattr(self, f"fc{i}")(x)))
        return getattr(self, f"fc{self.depth + 1}")(x)


def normed(module, name, x):
    """x through the module's norm of that name, if there is one."""
    return getattr(module, name)(x) if hasattr(module, name) else x


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


class SmallAlexNet(nn.Module):
    """S8.3: 28 x 28 images; the pools are TensorFlow's SAME, which pads right and bottom: 28 -> 14 -> 7. Norms stand in front of
    the activations, LRN behind the pools."""

    def __init__(self, classes, act, lrn=True, batch_norm=False):
        super().__init__()
        self.act, self.lrn = act(), lrn
        self.conv1, self.conv2 = nn.Conv2d(3, 64, 5, padding=2), nn.Conv2d(64, 64, 5, padding=2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(64 * 7 * 7, 384), nn.Linear(384, 192), nn.Linear(192, classes)
        if batch_norm:
            self.bn1, self.bn2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)
            self.bn3, self.bn4 = nn.BatchNorm1d(384), nn.BatchNorm1d(192)

    def forward(self, x):
        for i in (1, 2):
            x = self.act(normed(self, f"bn{i}", getattr(self, f"conv{i}")(x)))
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if self.lrn:
                x = F.local_response_norm(x, 9, alpha=0.001, beta=0.75, k=1)
        x = self.act(normed(self, "bn3", self.fc1(x.flatten(1))))
        x = self.act(normed(self, "bn4", self.fc2(x)))
        return self.fc3(x)


class ShiftNorm(nn.Module):
    """BatchNorm that learns a shift and no scale, as tf.contrib's default: eps 0.001, decay 0.999."""

    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        scale = torch.ones_like(self.bias)
        return F.batch_norm(x, self.running_mean, self.running_var, scale, self.bias, self.training, 0.001, 1e-3)


class ConvModule(nn.Module):
    def __init__(self, before, after, kernel, stride, act, batch_norm):
        super().__init__()
        self.act, self.stride = act(), stride
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2 if stride == 1 else 0, bias=not batch_norm)
        if batch_norm:
            self.bn = ShiftNorm(after)

    def forward(self, x):
        if self.stride == 2:
            x = F.pad(x, (0, 1, 0, 1))  # right and bottom, as the pool beside it
        return self.act(normed(self, "bn", self.conv(x)))


class Inc(nn.Module):
    def __init__(self, before, ones, threes, act, batch_norm):
        super().__init__()
        self.a = ConvModule(before, ones, 1, 1, act, batch_norm)
        self.b = ConvModule(before, threes, 3, 1, act, batch_norm)

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], 1)


class Down(ConvModule):
    def __init__(self, before, after, act, batch_norm):
        super().__init__(before, after, 3, 2, act, batch_norm)

    def forward(self, x):
        return torch.cat([super().forward(x), F.max_pool2d(x, 3, 2, ceil_mode=True)], 1)


class SmallInception(nn.Module):
    """S8.3: 28 x 28 images, 14 x 14 behind down1, 7 x 7 behind down2."""

    LAYERS = [("inc1", 32, 32), ("inc2", 32, 48), ("down1", 80), ("inc3", 112, 48), ("inc4", 96, 64), ("inc5", 80, 80),
              ("inc6", 48, 96), ("down2", 96), ("inc7", 176, 160), ("inc8", 176, 160)]

    def __init__(self, classes, act, batch_norm=True):
        super().__init__()
        self.conv1, channels = ConvModule(3, 96, 3, 1, act, batch_norm), 96
        for name, *sizes in self.LAYERS:
            self.add_module(name, (Inc if name.startswith("inc") else Down)(channels, *sizes, act, batch_norm))
            channels = sum(sizes) if name.startswith("inc") else channels + sizes[0]
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.conv1(x)
        for name, *_ in self.LAYERS:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, before, after, stride, act):
        super().__init__()
        self.act = act()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(after), nn.Conv2d(after, after, 3, 1, 1, bias=False)
        if before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        o = self.act(self.bn1(x))
        aside = self.shortcut(o) if hasattr(self, "shortcut") else x
        return aside + self.conv2(self.act(self.bn2(self.conv1(o))))


class WideResNet(nn.Module):
    """WRN-28-1 of S8.5: three groups of four blocks with 16, 32 and 64 channels, norms and activations in front of the convolutions;
    where the channels change, the shortcut starts behind the first activation."""

    def __init__(self, classes, act):
        super().__init__()
        self.act, self.conv1 = act(), nn.Conv2d(3, 16, 3, padding=1, bias=False)
        before = 16
        for g, width in ((1, 16), (2, 32), (3, 64)):
            blocks = OrderedDict()
            for b in (1, 2, 3, 4):
                blocks[f"block{b}"] = WideBlock(before, width, 2 if g > 1 and b == 1 else 1, act)
                before = width
            self.add_module(f"group{g}", nn.Sequential(blocks))
        self.bn, self.fc = nn.BatchNorm2d(64), nn.Linear(64, classes)

    def forward(self, x):
        x = self.group3(self.group2(self.group1(self.conv1(x))))
        return self.fc(self.act(self.bn(x)).mean((2, 3)))


def resnet18(classes, ioc, width=64, kernel=3):
    """torchvision's, with the first convolution and without the pool of S11.5; its widths are fixed, so a narrower one is rebuilt."""
    net = tv_resnet.resnet18(num_classes=classes)
    net.maxpool = nn.Identity()
    for name, layer in list(net.named_modules()):
        owner, _, last = name.rpartition(".")
        scaled = lambda channels: channels if channels == 3 else channels * width // 64
        if isinstance(layer, nn.Conv2d):
            side = 1 if "downsample" in name else kernel
            stride = 1 if name == "conv1" else layer.stride
            new = nn.Conv2d(scaled(layer.in_channels), scaled(layer.out_channels), side, stride, side // 2, bias=False)
        elif isinstance(layer, nn.BatchNorm2d):
            new = nn.BatchNorm2d(scaled(layer.num_features))
        elif isinstance(layer, nn.ReLU) and ioc:
            new = nn.ELU()
        elif isinstance(layer, nn.Linear):
            new = nn.Linear(scaled(layer.in_features), classes)
        else:
            continue
        setattr(net.get_submodule(owner), last, new)
    return net


class Seed001Mlp(nn.Module):
    """S8a.1. layout: plain has no norms; ioc has BatchNorm and ELU in the second and third layer and ReLU in the first; twin is ioc with
    ReLU everywhere. The activations are the layout's, whether weights are constrained or not."""

    def __init__(self, inputs, classes, layout="plain", dropout=0.5):
        super().__init__()
        self.drop, self.later = nn.Dropout(dropout), nn.ELU() if layout == "ioc" else nn.ReLU()
        self.fc1, self.fc2, self.fc3 = nn.Linear(inputs, 1000), nn.Linear(1000, 800), nn.Linear(800, 800)
        self.fc4 = nn.Linear(800, classes)
        if layout != "plain":
            self.bn2, self.bn3 = nn.BatchNorm1d(800), nn.BatchNorm1d(800)

    def forward(self, x):
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        x = self.drop(self.later(normed(self, "bn2", self.fc2(x))))
        x = self.drop(self.later(normed(self, "bn3", self.fc3(x))))
        return self.fc4(x)


class Seed001Cnn(nn.Module):
    """S8a.1, seed 001's "AlexNet"."""

    def __init__(self, classes, dropout=0.5):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        for i, (before, after) in enumerate([(3, 64), (64, 128), (128, 256)], 1):
            self.add_module(f"conv{i}", nn.Conv2d(before, after, 3, padding=1))
        self.fc1, self.fc2 = nn.Linear(4096, 128), nn.Linear(128, classes)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.max_pool2d(F.relu(getattr(self, f"conv{i}")(x)), 2)
        return self.fc2(F.relu(self.fc1(self.drop(x.flatten(1)))))


class BareWeight(nn.Module):
    """A layer that has one weight and nothing else; it is not initialised, since the generator fills it."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape))


class BareConv(BareWeight):
    def __init__(self, before, after, kernel, stride, padding):
        super().__init__(after, before, kernel, kernel)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        return F.conv2d(x, self.weight, None, self.stride, self.padding)


class Local(BareWeight):
    """A convolution whose weights differ from place to place: [P, O, C * k * k], places row-major, the last axis as unfold orders it."""

    def __init__(self, before, after, kernel, stride, padding, side):
        super().__init__(side * side, after, before * kernel * kernel)
        self.kernel, self.stride, self.padding, self.side = kernel, stride, padding, side

    def forward(self, x):
        patches = F.unfold(x, self.kernel, padding=self.padding, stride=self.stride)  # [B, C * k * k, P]
        return torch.einsum("poi,bip->bop", self.weight, patches).reshape(len(x), -1, self.side, self.side)


class BareLinear(BareWeight):
    def __init__(self, before, after):
        super().__init__(after, before)

    def forward(self, x):
        return F.linear(x.flatten(1), self.weight)


def side_behind(side, kernel, stride, padding):
    return (side + 2 * padding - kernel) // stride + 1


D_CONV = [(1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)]  # channels in alphas, stride


class SdNet(nn.Module):
    """S11.3: the S- and D- networks and the three-layer net, no biases, a norm without scale and shift and ReLU behind every layer
    but the last. A convolution is (channels, kernel, stride), a fully connected layer its width. FC takes the place of a convolution
    with as many units as that one has with SAME padding."""

    def __init__(self, kind, alpha, classes, padding="same", image=32, channels=3):
        super().__init__()
        shape, sort = kind.split("_")
        if shape == "three":
            plan = [equal_width(alpha, classes, image, channels)] * 2
        elif shape == "s":
            plan = [(alpha, 9, 2), 24 * alpha]
        else:
            plan = [(alpha * times, 3, stride) for times, stride in D_CONV] + [64 * alpha]
        before, side = channels, image
        layers = []
        for step in plan + [classes]:
            if isinstance(step, int):  # fully connected, also to what a convolution leaves
                layers.append((BareLinear(before * side * side, step), nn.BatchNorm1d(step, affine=False)))
                before, side = step, 1
                continue
            after, kernel, stride = step
            around = kernel // 2 if padding == "same" else 0
            behind = side_behind(side, kernel, stride, kernel // 2 if sort == "fc" else around)
            if sort == "fc":
                layers.append((BareLinear(before * side * side, after * behind * behind),
                               nn.BatchNorm1d(after * behind * behind, affine=False)))
            elif sort == "local":
                layers.append((Local(before, after, kernel, stride, around, behind), nn.BatchNorm2d(after, affine=False)))
            else:
                layers.append((BareConv(before, after, kernel, stride, around), nn.BatchNorm2d(after, affine=False)))
            before, side = after, behind
        self.depth = len(layers)
        for i, (layer, norm) in enumerate(layers, 1):
            self.add_module(f"layer{i}", layer)
            if i < self.depth:
                self.add_module(f"bn{i}", norm)

    def forward(self, x):
        for i in range(1, self.depth):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"layer{i}")(x)))
        return getattr(self, f"layer{self.depth}")(x)


def equal_width(alpha, classes, image, channels):
    """The width of two equal hidden layers whose count is nearest to S-FC's."""
    units, inputs = alpha * side_behind(image, 9, 2, 4) ** 2, channels * image * image
    wanted = inputs * units + units * 24 * alpha + 24 * alpha * classes
    below = int((math.sqrt((inputs + classes) ** 2 + 4 * wanted) - inputs - classes) / 2)
    return min(range(below - 1, below + 3), key=lambda h: abs(inputs * h + h * h + h * classes - wanted))


class Angle(nn.Module):
    """The activation of S13.2. Trained, angle holds t, and theta is pi / 4 * sigmoid(t); else it is theta itself."""

    def __init__(self, shape, trained):
        super().__init__()
        self.trained = trained
        if trained:
            self.angle = nn.Parameter(torch.full(shape, 4.0))
        else:
            self.register_buffer("angle", torch.full(shape, math.pi / 4))

    def forward(self, x):
        theta = math.pi / 4 * torch.sigmoid(self.angle) if self.trained else self.angle
        return torch.where(x > 0, x, torch.tan(theta) * x)


class AnnealCnn(nn.Module):
    """S13.3: 28 x 28 images of one channel, three convolutions without padding, each with an optional pool in front of its activation."""

    def __init__(self, classes, pooling="between", theta_mode="fixed"):
        super().__init__()
        self.pooled = {"none": (), "between": (1, 2), "all": (1, 2, 3)}[pooling]
        self.one = theta_mode in ("fixed", "shared")
        if self.one:
            self.theta = Angle([1], theta_mode == "shared")
        before, side = 1, 28
        for i, kernel in ((1, 4), (2, 3), (3, 3)):
            self.add_module(f"conv{i}", nn.Conv2d(before, 16, kernel))
            before, side = 16, (side - kernel + 1) // (2 if i in self.pooled else 1)
            if not self.one:
                self.add_module(f"theta{i}", Angle([16, side, side] if theta_mode == "per_neuron" else [1], True))
        self.fc = nn.Linear(16 * side * side, classes)

    def forward(self, x):
        for i in (1, 2, 3):
            x = getattr(self, f"conv{i}")(x)
            if i in self.pooled:
                x = F.max_pool2d(x, 2)
            x = (self.theta if self.one else getattr(self, f"theta{i}"))(x)
        return self.fc(x.flatten(1))


MIXERS = {"seed": (72, 9, 128, 64, 128, 4), "s16": (224, 16, 512, 256, 2048, 8), "b16": (224, 16, 768, 384, 3072, 12)}
CYCLES = {"b1": (64, 128, 320, 512), "tiny": (16, 32, 80, 128)}


def build(model, ioc, classes, size=None, mode="seed", inputs=3072, **more):
    """mode, for mixer and cycle_mlp: seed keeps LayerNorm (and the gate), strict has BatchNorm over the channels
    (and learned coefficients)."""
    relu, gelu, strict = nn.ELU if ioc else nn.ReLU, nn.ELU if ioc else nn.GELU, mode == "strict"
    if model == "mlp":
        return Mlp(inputs, classes, relu, **more)
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
    if model == "small_alexnet":
        return SmallAlexNet(classes, relu, **more)
    if model == "small_inception":
        return SmallInception(classes, relu, **more)
    if model == "wide_resnet":
        return WideResNet(classes, relu)
    if model == "resnet18":
        return resnet18(classes, ioc, **more)
    if model == "seed001_mlp":
        return Seed001Mlp(inputs, classes, **more)
    if model == "seed001_cnn":
        return Seed001Cnn(classes, **more)
    if model == "sd_net":
        return SdNet(classes=classes, **more)
    if model == "anneal_cnn":
        return AnnealCnn(classes, **more)
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
    "small_alexnet": ["conv1"],
    "small_inception": ["conv1.conv"],
    "wide_resnet": ["conv1"],
    "resnet18": ["conv1"],
    "seed001_mlp": ["fc1"],
}


def free(model, mode="seed"):
    return [name + ".weight" for name in FREE[f"{model} strict" if mode == "strict" else model]]
