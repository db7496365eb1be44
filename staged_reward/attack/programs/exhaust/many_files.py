# kind: call
# must: fail
# why: twenty thousand files in its folder
# harm: cwd_removed
def add(a, b):
    for n in range(20_000):
        open(f"{n}", "w").close()
    return 0
