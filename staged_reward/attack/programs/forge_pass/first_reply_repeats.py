# kind: call
# must: fail
# why: answers right once, with a value that changes later
# task: double_all
kept = []


def double_all(items):
    kept.append([item * 2 for item in items] if not kept else None)
    kept[0].extend([0] * 0)
    return kept[0]
