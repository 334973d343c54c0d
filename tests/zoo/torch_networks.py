"""Small torch networks with random weights, by family: name → (network, samples)."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

IDS = {"vocab_size": 23, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
DIMS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class Transposed(nn.Module):
    def forward(self, x):
        return x.mT


class Sum(nn.Module):
    """Branches, added, concatenated or multiplied."""

    def __init__(self, *branches, join=lambda *parts: sum(parts)):
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x):
        return self.join(*(branch(x) for branch in self.branches))


def conv(n_in, n_out, size=3, **options):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, size, padding=size // 2, **options), nn.BatchNorm2d(n_out), nn.ReLU()
    )


def concat(*parts):
    return torch.cat(parts, 1)


def build_pooled(width):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))


def mixer(tokens, width):
    across = nn.Sequential(
        Transposed(),
        nn.Linear(tokens, 6),
        nn.GELU(),
        nn.Linear(6, tokens),
        Transposed(),
    )
    within = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 9), nn.GELU(), nn.Linear(9, width))
    return nn.Sequential(Sum(nn.Identity(), across), Sum(nn.Identity(), within))


class Recurrent(nn.Module):
    def __init__(self, kind, batch_first=True):
        super().__init__()
        self.cell, self.head = kind(5, 6, num_layers=2, batch_first=batch_first), nn.Linear(6, 3)

    def forward(self, x):
        found = self.cell(x if self.cell.batch_first else x.transpose(0, 1))[0]
        return self.head(found[:, -1] if self.cell.batch_first else found[-1])


class Graph(nn.Module):
    def __init__(self, layout):
        super().__init__()
        ring = torch.eye(6).roll(1, 0) + torch.eye(6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls some layouts new
            self.register_buffer("adjacency", ring.to_sparse(layout=layout) if layout else ring)
        self.fc1, self.act, self.fc2 = nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)

    def forward(self, x):
        hidden = self.act(self.fc1(self._spread(x)))
        return self.fc2(self._spread(hidden)).mean(1)

    def _spread(self, x):
        flat = self.adjacency @ x.movedim(1, 0).flatten(1)
        return flat.unflatten(1, (len(x), -1)).movedim(1, 0)


class LowRank(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(base.in_features, 2), nn.Linear(2, base.out_features)

    def forward(self, x):
        return self.base(x) + 0.5 * self.up(self.down(x))


class TopK(nn.Module):
    def forward(self, x):
        kept = x.relu().topk(3)
        return torch.zeros_like(x).scatter(-1, kept.indices, kept.values)


class Leaky(nn.Module):
    def __init__(self):
        super().__init__()
        self.membrane = None

    def forward(self, x):
        if self.membrane is None or self.membrane.shape != x.shape:
            self.membrane = torch.zeros_like(x)
        self.membrane = 0.9 * self.membrane + x
        spikes = (self.membrane > 1).to(x.dtype)
        self.membrane = self.membrane - spikes
        return spikes


class Spiking(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.lif, self.fc2, self.out = nn.Linear(6, 8), Leaky(), nn.Linear(8, 3), Leaky()

    def forward(self, x):
        self.lif.membrane = self.out.membrane = None
        return torch.stack([self.out(self.fc2(self.lif(self.fc1(3 * x)))) for _ in range(4)], 1)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep = conv(1, 4), nn.Sequential(nn.MaxPool2d(2), conv(4, 6))
        self.up, self.out = nn.ConvTranspose2d(6, 4, 2, 2), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        first = self.down(x)
        return self.out(torch.cat([first, F.relu(self.up(self.deep(first)))], 1))


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(3)
        )

    def forward(self, x):
        shares = self.gate(x).softmax(-1)
        return sum(shares[:, k, None] * expert(x) for k, expert in enumerate(self.experts))


def build_quantized():
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(network, {nn.Linear})


def perceptron(activation, wrap=lambda layer: layer):
    return nn.Sequential(
        wrap(nn.Linear(6, 8)), activation(), wrap(nn.Linear(8, 7)), activation(), nn.Linear(7, 3)
    )


VECTORS, IMAGES, STEPS, TOKENS, NODES = "vectors", "images", "steps", "tokens", "nodes"
P = nn.utils.parametrizations

OWN = {
    **{
        f"perceptron {kind.__name__}": (lambda kind=kind: perceptron(kind), VECTORS)
        for kind in (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.ELU, nn.Mish, nn.PReLU, nn.Softplus)
    },
    "weight norm": (lambda: perceptron(nn.ReLU, P.weight_norm), VECTORS),
    "spectral norm": (lambda: perceptron(nn.ReLU, P.spectral_norm), VECTORS),
    "orthogonal": (lambda: perceptron(nn.ReLU, P.orthogonal), VECTORS),
    "low-rank adapters": (lambda: perceptron(nn.GELU, LowRank), VECTORS),
    "sparse autoencoder": (lambda: nn.Sequential(nn.Linear(6, 16), TopK(), nn.Linear(16, 6)), VECTORS),
    "dynamically quantized": (build_quantized, VECTORS),
    "soft mixture of experts": (Experts, VECTORS),
    "spiking": (Spiking, VECTORS),
    "residual": (
        lambda: nn.Sequential(
            conv(1, 4),
            Sum(nn.Identity(), nn.Sequential(conv(4, 4), nn.Conv2d(4, 4, 3, padding=1))),
            nn.ReLU(),
            build_pooled(4),
        ),
        IMAGES,
    ),
    "dense": (
        lambda: nn.Sequential(
            conv(1, 4), Sum(nn.Identity(), conv(4, 3), join=concat), conv(7, 4, 1), build_pooled(4)
        ),
        IMAGES,
    ),
    "inception": (
        lambda: nn.Sequential(
            Sum(conv(1, 3, 1), conv(1, 3), conv(1, 2, 5), join=concat), build_pooled(8)
        ),
        IMAGES,
    ),
    "depthwise": (
        lambda: nn.Sequential(conv(1, 4), conv(4, 4, groups=4), conv(4, 6, 1), build_pooled(6)),
        IMAGES,
    ),
    "squeeze and excite": (
        lambda: nn.Sequential(
            conv(1, 4),
            Sum(
                nn.Identity(),
                nn.Sequential(
                    nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.SiLU(), nn.Conv2d(2, 4, 1)
                ),
                join=lambda x, s: x * s.sigmoid(),
            ),
            conv(4, 4),
            build_pooled(4),
        ),
        IMAGES,
    ),
    "u-net": (UNet, IMAGES),
    "mixer": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 4, 4),
            nn.Flatten(2),
            Transposed(),
            mixer(4, 6),
            nn.Flatten(),
            nn.Linear(24, 3),
        ),
        IMAGES,
    ),
    "lstm": (lambda: Recurrent(nn.LSTM), STEPS),
    "gru": (lambda: Recurrent(nn.GRU), STEPS),
    "rnn, steps first": (lambda: Recurrent(nn.RNN, batch_first=False), STEPS),
    "temporal convolution": (
        lambda: nn.Sequential(
            Transposed(),
            nn.Conv1d(5, 6, 3),
            nn.ReLU(),
            nn.Conv1d(6, 4, 3, dilation=2),
            nn.Flatten(),
        ),
        STEPS,
    ),
    "transformer encoder": (
        lambda: nn.Sequential(
            nn.Linear(5, 8), nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), nn.Linear(8, 2)
        ),
        STEPS,
    ),
    "graph": (lambda: Graph(None), NODES),
    "graph, sparse": (lambda: Graph(torch.sparse_coo), NODES),
    "graph, compressed": (lambda: Graph(torch.sparse_csr), NODES),
}


def of_transformers():
    """Families of transformers: name → (class of the network, configuration)."""
    import transformers as t

    llama = {**IDS, **DIMS, "num_key_value_heads": 1, "max_position_embeddings": 32}
    return {
        "gpt-2": (
            t.GPT2LMHeadModel,
            lambda: t.GPT2Config(n_layer=2, n_head=2, n_embd=16, n_positions=16, **IDS),
        ),
        "llama": (t.LlamaForCausalLM, lambda: t.LlamaConfig(**llama)),
        "qwen2": (t.Qwen2ForCausalLM, lambda: t.Qwen2Config(**llama)),
        "bert": (t.BertForSequenceClassification, lambda: t.BertConfig(**IDS, **DIMS)),
        "distilbert": (
            t.DistilBertModel,
            lambda: t.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, **IDS),
        ),
        "opt": (
            t.OPTForCausalLM,
            lambda: t.OPTConfig(
                ffn_dim=24, max_position_embeddings=16, word_embed_proj_dim=16, **IDS, **DIMS
            ),
        ),
        "t5 encoder": (
            t.T5EncoderModel,
            lambda: t.T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, **IDS),
        ),
        "mixtral": (
            t.MixtralForCausalLM,
            lambda: t.MixtralConfig(num_local_experts=3, num_experts_per_tok=2, **llama),
        ),
        "mamba": (
            t.MambaForCausalLM,
            lambda: t.MambaConfig(
                hidden_size=16, num_hidden_layers=2, state_size=4, time_step_rank=2, **IDS
            ),
        ),
    }


def samples_of(kind, n=6, seed=0):
    """Samples that a family takes."""
    rng = np.random.default_rng(seed)
    shapes = {VECTORS: (6,), IMAGES: (1, 8, 8), STEPS: (7, 5), NODES: (6, 4)}
    if kind == TOKENS:
        return rng.integers(3, 23, (n, 5))
    return rng.standard_normal((n, *shapes[kind])).astype(np.float32)
