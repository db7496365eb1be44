# kind: call
# must: pass
# why: uses a pool of threads
# task: double_all
from concurrent.futures import ThreadPoolExecutor


def double_all(items):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda item: item * 2, items))
