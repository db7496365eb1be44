"""Which packages a program imports, read from its text: quick, and right for import statements at the start of a line."""

from __future__ import annotations

import re

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


def imported_packages(program: str) -> set[str]:
    """Return the top-level packages that a program's import statements name."""
    packages: set[str] = set()
    for match in _IMPORT.finditer(program) if "import" in program else ():
        if match[1]:
            packages.add(match[1])
        else:
            packages |= {part.split(".")[0].split()[0] for part in match[2].split(",") if part.strip(" .\t")}
    return packages
