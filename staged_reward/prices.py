"""What does it cost? Dollars per 100,000 programs, from a table of machines with their prices per hour.

A run is charged the share of a CPU machine's cores that its workers had, and one GPU machine where the reward model ran on a
GPU (such a machine brings the cores). The table that comes with the package has the prices of Orlanski et al. (arXiv
2506.10056, appendix); give a file of your own for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from staged_reward.errors import InputError

PER_PROGRAMS = 100_000
_FIELDS = ("provider", "cpu_dollars_per_hour", "cpu_cores", "gpu_dollars_per_hour")


@dataclass(frozen=True, slots=True)
class Price:
    """One provider.

    Attributes:
        provider: Its name.
        cpu_dollars_per_hour: Of a machine without a GPU.
        cpu_cores: That machine's.
        gpu_dollars_per_hour: Of a machine with one GPU.
    """

    provider: str
    cpu_dollars_per_hour: float
    cpu_cores: float
    gpu_dollars_per_hour: float

    def dollars(self, programs_per_second: float, num_workers: int, *, on_gpu: bool) -> float:
        """Return the price of 100,000 programs."""
        return self.dollars_of(PER_PROGRAMS / programs_per_second, num_workers, on_gpu=on_gpu)

    def dollars_of(self, seconds: float, num_workers: int, *, on_gpu: bool) -> float:
        """Return the price of some time."""
        share = num_workers / self.cpu_cores
        return seconds / 3600 * (self.gpu_dollars_per_hour if on_gpu else self.cpu_dollars_per_hour * share)


def read_prices(path: str | Path | None = None) -> list[Price]:
    """Read a table of prices; None for the one that comes with the package.

    Raises:
        InputError: The file is not such a table.
    """
    source = files(__package__) / "prices.yaml" if path is None else Path(path)
    try:
        rows = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{source}: no table of prices ({error})") from error
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{source}: give a list of providers with the keys {', '.join(_FIELDS)}")
    return [_price(row, f"{source}, provider {number}") for number, row in enumerate(rows, start=1)]


def _price(row: object, place: str) -> Price:
    if not isinstance(row, dict) or set(row) != set(_FIELDS):
        raise InputError(f"{place}: {row!r}; give the keys {', '.join(_FIELDS)}")
    for name in _FIELDS[1:]:
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise InputError(f"{place}: {name} is {value!r}; give a positive number")
    return Price(str(row["provider"]), *(float(row[name]) for name in _FIELDS[1:]))
