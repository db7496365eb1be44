"""Near-miss programs: single-site mutants of a source text, for examples and as negatives for a reward model.

It changes text and checks that the result compiles. It runs nothing, so it cannot say which mutants are wrong: some are
equivalent to the original, and labels come from the tests.
"""

from staged_reward.mutation.mutant import OPERATORS, Mutant, mutate, sample_mutants

__all__ = ["OPERATORS", "Mutant", "mutate", "sample_mutants"]
