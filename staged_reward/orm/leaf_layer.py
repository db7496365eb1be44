"""The last layer of a model over a packed trie: what it gives is read at the texts' last nodes alone, and computed there
alone. Of the other nodes it needs keys and values, and no more.

It works on the layers of any architecture that keeps keys and values in a cache of transformers: the layer runs over all
nodes up to where it hands these to the cache, and then, as a whole, over the leaves. Not for FlexAttention, whose masks
have another form.

Axes: T nodes of a chunk, L leaves among them, D width.
"""

from __future__ import annotations

from typing import Any

import torch


class _Stored(Exception):
    """Ends a layer's run once its keys and values are in the cache."""


class _Filling:
    """The cache, for the run over all nodes."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def update(self, *stored: Any, **settings: Any) -> None:
        self._cache.update(*stored, **settings)
        raise _Stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


class _Filled:
    """The cache, for the run over the leaves: theirs are in it."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def update(self, keys: Any, values: Any, layer_index: int, *rest: Any, **settings: Any) -> tuple[Any, Any]:
        layer = self._cache.layers[layer_index]
        return layer.keys, layer.values

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


class LeafLayer(torch.nn.Module):
    """Stands for a model's last layer, which it runs as a whole unless it is told the leaves."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self,
        hidden_1TD: torch.Tensor,
        *args: Any,
        leaves: torch.Tensor | None = None,
        leaf_mask: torch.Tensor | None = None,
        **settings: Any,
    ) -> Any:
        """Return the output at the leaves, 1 x L x D, or at all nodes where none are named.

        Args:
            hidden_1TD: What the layer before gave.
            args: Of the layer.
            leaves: Their places in the chunk, L.
            leaf_mask: What is added to the leaves' attention logits, 1 x 1 x L x K for K keys.
            settings: Of the layer, for all nodes.
        """
        if leaves is None:
            return self.layer(hidden_1TD, *args, **settings)
        cache = settings["past_key_values"]
        try:
            output_1TD = self.layer(hidden_1TD, *args, **{**settings, "past_key_values": _Filling(cache)})
        except _Stored:
            pass
        else:  # a layer that stores nothing
            return output_1TD[:, leaves]
        if not len(leaves):
            return hidden_1TD[:, leaves]
        at_leaves: dict[str, Any] = {
            "attention_mask": leaf_mask,
            "tree_blocks": None,
            "past_key_values": _Filled(cache),
            "position_ids": settings["position_ids"][:, leaves],
            "position_embeddings": tuple(part[:, leaves] for part in settings["position_embeddings"]),
        }
        return self.layer(hidden_1TD[:, leaves], *args, **{**settings, **at_leaves})

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)


def install(model: Any) -> None:
    """Put a `LeafLayer` in the place of a model's last layer, where it has a list of them."""
    layers = _layers(model)
    if layers is not None and not isinstance(layers[-1], LeafLayer):
        layers[-1] = LeafLayer(layers[-1])


def uninstall(model: Any) -> None:
    """Undo `install`."""
    layers = _layers(model)
    if layers is not None and isinstance(layers[-1], LeafLayer):
        layers[-1] = layers[-1].layer


def is_installed(model: Any) -> bool:
    """Whether a model's last layer is computed at the leaves alone."""
    layers = _layers(model)
    return layers is not None and isinstance(layers[-1], LeafLayer)


def _layers(model: Any) -> torch.nn.ModuleList | None:
    layers = getattr(getattr(model, model.base_model_prefix), "layers", None)
    return layers if isinstance(layers, torch.nn.ModuleList) and len(layers) else None
