"""The command line: `staged-reward verify | pareto | best-of-n | …`. Exit codes: 0 done, 2 bad input, 1 ours."""

from __future__ import annotations

import io
import sys

import typer

from staged_reward.cli.best_of_n import best_of_n
from staged_reward.cli.demo import demo
from staged_reward.cli.doctor import doctor
from staged_reward.cli.ledger import ledger
from staged_reward.cli.pareto import pareto
from staged_reward.cli.verify import verify
from staged_reward.errors import InfraError, InputError

app = typer.Typer(
    name="staged-reward",
    help="Verify generated programs in stages: cheap filters first, the expensive ones last.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(verify)
app.command()(pareto)
app.command("best-of-n")(best_of_n)
app.command()(ledger)
app.command()(doctor)
app.command()(demo)


def main() -> None:
    """Run the command line; the two kinds of expected failure become a line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # tables have lines that not every terminal can show
    try:
        app(prog_name="staged-reward")
    except InputError as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except InfraError as error:
        print(f"failure: {_one_line(error)}; `staged-reward doctor` checks what the verifier needs", file=sys.stderr)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    """Return the message without line breaks; those of model loaders have some."""
    return " ".join(str(error).splitlines())
