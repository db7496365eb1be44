"""What a checkpoint of ours says about its own use: a file `orm.json` beside the weights.

Training writes it, scoring follows it. A plain sequence-classification checkpoint has none, and is scored by the defaults.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from staged_reward.calibration import Calibration
from staged_reward.errors import InputError

FILE_NAME = "orm.json"
SHIPPED, SHIPPED_FOLDER = "default", Path(__file__).with_name("default")
"""Name and place of the reward model that comes with the package; a folder of that name is `./default`."""
PROMPT, PROGRAM = "{prompt}", "{program}"
DEFAULT_TEMPLATE = f"{PROMPT}\n{PROGRAM}"
DEFAULT_MAX_LENGTH = 2048

Normalisation = Literal["none", "black", "ast"]


@dataclass(frozen=True, kw_only=True)
class OrmCard:
    """How to use a reward model, and where it comes from.

    Attributes:
        template: The text to score; `{prompt}` and `{program}` are replaced, every other brace stays.
        max_length: Tokens kept of a text, from its end, EOS included.
        normalisation: What is done to a program first: `black` formats it; `ast` parses it and writes it again, in a
            twentieth of the time, without comments and docstrings (see `normalise.ast_format`).
        eos_token: Appended to every text; None for a checkpoint that does not say.
        loss: It was trained with.
        data_sha256: Of the training file.
        commit: Of the code that trained it.
        base_model: It was trained from.
        saw: What the training data was made of, in words.
        metrics: On held-out problems, by name.
        calibration: From a score to the chance of being correct, on held-out samples; None where there were none.
    """

    template: str = DEFAULT_TEMPLATE
    max_length: int = DEFAULT_MAX_LENGTH
    normalisation: Normalisation = "none"
    eos_token: str | None = None
    loss: str | None = None
    data_sha256: str | None = None
    commit: str | None = None
    base_model: str | None = None
    saw: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        check_template(self.template)
        check_positive("max_length", self.max_length)
        if self.normalisation not in get_args(Normalisation):
            raise InputError(f"normalisation={self.normalisation!r}; it is one of {get_args(Normalisation)}")

    def save(self, folder: str | Path) -> None:
        """Write it beside the weights."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)
        (Path(folder) / FILE_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Read the card of a folder or hub name; None where there is none.

        Raises:
            InputError: It is damaged.
        """
        path = _find(name)
        if path is None:
            return None
        try:
            row = _known(json.loads(path.read_text(encoding="utf-8")))
            if row.get("calibration") is not None:
                row["calibration"] = Calibration(**row["calibration"])
            return cls(**row)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {error}; it is what train_orm.py writes, do not edit it") from error


def checkpoint_name(name: str | Path) -> str:
    """Return the folder or hub name of a checkpoint: for `default` the folder of the one that ships."""
    return str(SHIPPED_FOLDER if name == SHIPPED else name)


def calibration_of(name: str) -> Calibration | None:
    """Return the calibration that a checkpoint's card has; None without one.

    Raises:
        InputError: The card is damaged.
    """
    card = OrmCard.of(name)
    return None if card is None else card.calibration


def check_template(template: str) -> None:
    """Refuse a text that would not contain the program.

    Raises:
        InputError: So it would.
    """
    if PROGRAM not in template:
        raise InputError(f"template={template!r} has no {PROGRAM}; the score would ignore the program")


def check_positive(name: str, value: Any) -> None:
    """Refuse what is no integer of at least 1.

    Raises:
        InputError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name}={value!r}; give an integer of at least 1")


def _known(row: Any) -> dict[str, Any]:
    """Return the keys that this version knows; a later one may have more."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
    names = {item.name for item in fields(OrmCard)}
    return {key: value for key, value in row.items() if key in names}


def _find(name: str) -> Path | None:
    if Path(name).is_dir():
        path = Path(name) / FILE_NAME
        return path if path.exists() else None
    from transformers.utils import cached_file

    try:
        found = cached_file(name, FILE_NAME)
    except OSError:  # of a hub repository without one; that it exists, loading the weights has shown
        return None
    return None if found is None else Path(found)
