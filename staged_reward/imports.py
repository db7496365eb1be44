"""Which packages a program imports, read from its text: quick, and right for import statements at the start of a line."""

from __future__ import annotations

import re
import sys

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


def imported_packages(program: str) -> set[str]:
    """Return the top-level packages that a program's import statements name."""
    packages: set[str] = set()
    for match in _IMPORT.finditer(program):
        if match[1]:
            packages.add(match[1])
        else:
            packages |= {part.split(".")[0].split()[0] for part in match[2].split(",") if part.strip(" .\t")}
    return packages


def imports_third_party(program: str) -> bool:
    """Whether a program imports anything beyond the standard library, which may take longer than all it does itself."""
    return "import" in program and bool(imported_packages(program) - sys.stdlib_module_names)
