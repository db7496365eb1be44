"""Trains a small causal language model of Python from nothing: the backbone of the reward model that ships.

What it does: learns a tokenizer and a model of a few million weights on the source of this interpreter's standard library
and, where given, on the correct programs of training data, with transformers' `Trainer`. A run that was killed goes on
from its last whole checkpoint. What it does not do: download anything.

    python train/pretrain_backbone.py --config configs/orm/small_backbone.yaml
"""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from staged_reward import InputError
from staged_reward.config import config_from_command_line
from staged_reward.orm.card import DEFAULT_TEMPLATE
from staged_reward.orm.encoding import fill
from staged_reward.orm.groups import read_groups

PAD, END = "<|pad|>", "<|end|>"
# Of the standard library, what is not written as people write programs: tables of characters, fixtures.
LEFT_OUT = frozenset({"site-packages", "dist-packages", "encodings", "test", "tests", "idle_test", "lib2to3"})


MAY_CHANGE = frozenset(
    {"output_dir", "sources", "data", "max_steps", "save_steps", "logging_steps"}
)  # when a run goes on


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is made of. Fields that are named as in transformers mean what they mean there.

    Attributes:
        output_dir: Gets model and tokenizer, and `corpus.json`: what it was trained on.
        sources: Folder whose Python files are read; null takes the standard library's.
        data: File of groups that `make_pairs.py` wrote; null for none.
        data_copies: How often its texts are seen for each time that the sources are.
        vocab_size: Of the byte-level BPE that is learned first.
        block_size: Tokens of one row of a batch.
        max_steps: Batches; the texts are gone through as often as that takes.
    """

    output_dir: str
    sources: str | None = None
    data: str | None = None
    data_copies: int = 4
    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    block_size: int = 512
    max_steps: int = 1000
    per_device_train_batch_size: int = 8
    learning_rate: float = 1e-3
    warmup_ratio: float = 0.05
    save_steps: int = 200
    logging_steps: int = 10
    seed: int = 1
    use_cpu: bool = False
    bf16: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "block_size", "max_steps", "per_device_train_batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name}={getattr(self, name)}; give a positive number")


def main(config: Settings) -> None:
    """Learn the tokenizer, train, save."""
    import transformers

    from staged_reward.checkpoints import MarkWhole, last_whole_checkpoint
    from staged_reward.orm.trainer import refuse_other_run

    transformers.set_seed(config.seed)
    sources = list(_source_texts(config.sources))
    own = _data_texts(config.data)
    digest = hashlib.sha256("\0".join([*sources, *own]).encode("utf-8", "surrogatepass")).hexdigest()
    folder = Path(config.output_dir)
    kept = {name: value for name, value in asdict(config).items() if name not in MAY_CHANGE}
    refuse_other_run(folder / "checkpoints", {**kept, "sha256": digest})
    tokenizer = _learn_tokenizer([*sources, *own], config.vocab_size)
    model = _new_model(config, tokenizer)
    trainer = transformers.Trainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=_blocks(tokenizer, [*sources, *own * config.data_copies], config),
        data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False),
        args=transformers.TrainingArguments(
            output_dir=str(folder / "checkpoints"),
            seed=config.seed,
            max_steps=config.max_steps,
            per_device_train_batch_size=config.per_device_train_batch_size,
            learning_rate=config.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=config.warmup_ratio,
            weight_decay=0.1,
            adam_beta2=0.95,
            save_steps=config.save_steps,
            save_total_limit=2,
            logging_steps=config.logging_steps,
            use_cpu=config.use_cpu,
            bf16=config.bf16,
            report_to="none",
        ),
        callbacks=[MarkWhole()],
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(folder / "checkpoints"))
    trainer.save_model(str(folder))
    corpus = {
        "python": sys.version.split()[0],
        "files": len(sources),
        "correct_programs": len(own),
        "sha256": digest,
        "tokens_seen": config.max_steps * config.per_device_train_batch_size * config.block_size,
        "loss": trainer.state.log_history[-1]["train_loss"],
    }
    (folder / "corpus.json").write_text(json.dumps(corpus, indent=2) + "\n", encoding="utf-8")


def _source_texts(folder: str | None) -> Iterator[str]:
    """Yield the Python files of a folder, or of the standard library, in the order of their names."""
    root = Path(folder or sysconfig.get_path("stdlib"))
    if not root.is_dir():
        raise InputError(f"sources={folder!r} is no folder; give one with Python files, or null")
    for path in sorted(root.rglob("*.py")):
        if not LEFT_OUT & set(path.relative_to(root).parts):
            yield path.read_text(encoding="utf-8", errors="replace")


def _data_texts(path: str | None) -> list[str]:
    """Return each correct program of the training data after its prompt, as a reward model will read it."""
    groups = [] if path is None else read_groups(path)
    return [fill(DEFAULT_TEMPLATE, group.prompt, item.program) for group in groups for item in group.correct]


def _learn_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=PAD, eos_token=END)


def _new_model(config: Settings, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _blocks(tokenizer: Any, texts: Sequence[str], config: Settings) -> Any:
    """Return rows of `block_size` tokens of the texts, one after the other, an end token between two."""
    from datasets import Dataset

    stream: list[int] = []
    for ids in tokenizer(list(texts), verbose=False)["input_ids"]:
        stream += [*ids, tokenizer.eos_token_id]
    size = config.block_size
    rows = [stream[start : start + size] for start in range(0, len(stream) - size + 1, size)]
    if not rows:
        raise InputError(f"block_size={size}, but there are {len(stream)} tokens; give a smaller one")
    return Dataset.from_dict({"input_ids": rows})


if __name__ == "__main__":
    try:
        main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
