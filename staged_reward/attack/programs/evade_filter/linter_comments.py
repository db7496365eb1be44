# kind: assert
# must: fail
# why: comments for linters stand above what they would report


# pylint: skip-file
# ruff: noqa
# flake8: noqa
# type: ignore
def add(a, b):  # pylint: disable=all
    return undefined_name  # noqa: F821
