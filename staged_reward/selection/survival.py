"""How likely is a program right, that has passed so many tests? Learned from where the programs of a call failed.

A wrong program fails at its first test with some chance, and at each further one with another; both are estimated from
what was seen, beside a prior. The share of right programs is estimated from those whose outcome is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Chances = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

PRIOR_FIRST, PRIOR_NEXT = (3.0, 2.0), (1.0, 4.0)  # (failed, survived), as if seen
PRIOR_RIGHT = (1.0, 3.0)  # (right, wrong)


@dataclass(slots=True)
class Survival:
    """Counts of one call.

    Attributes:
        first: How many wrong programs (failed, survived) their first test.
        later: The same of all further tests, each time that one ran.
        outcomes: How many programs turned out (right, wrong).
    """

    first: tuple[float, float] = PRIOR_FIRST
    later: tuple[float, float] = PRIOR_NEXT
    outcomes: tuple[float, float] = PRIOR_RIGHT

    def note_failure(self, num_passed: int) -> None:
        """A program failed after it had passed so many tests."""
        right, wrong = self.outcomes
        self.outcomes = right, wrong + 1
        failed, survived = self.first
        if num_passed == 0:
            self.first = failed + 1, survived
            return
        self.first = failed, survived + 1
        failed, survived = self.later
        self.later = failed + 1, survived + num_passed - 1

    def note_pass(self) -> None:
        """A program passed all tests."""
        right, wrong = self.outcomes
        self.outcomes = right + 1, wrong

    @property
    def share_right(self) -> float:
        """Of programs, before anything is known of one."""
        return self.outcomes[0] / sum(self.outcomes)

    def of_wrong(self, num_tests: Counts) -> Chances:
        """Return the chance that a wrong program passes so many tests, for an array of numbers."""
        return self.from_to(np.zeros_like(num_tests), num_tests)

    def from_to(self, num_passed: Counts, num_tests: Counts) -> Chances:
        """Return the chance that a wrong program which passed so many tests passes so many in all."""
        first, later = self.first[1] / sum(self.first), self.later[1] / sum(self.later)
        begins = (num_passed == 0) & (num_tests > 0)
        further = np.maximum(num_tests - np.maximum(num_passed, 1), 0)
        return np.where(begins, first, 1.0) * later**further


def posterior(prior: Chances, survival_of_wrong: Chances) -> Chances:
    """Return the chance that a program is right once it has passed what a wrong one passes with the given chance."""
    return prior / (prior + (1.0 - prior) * survival_of_wrong)
