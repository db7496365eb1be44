# kind: call
# must: fail
# why: lowers its own limits as far as they go
import resource

for name in ("RLIMIT_NOFILE", "RLIMIT_STACK", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NPROC"):
    _, hard = resource.getrlimit(getattr(resource, name))
    try:
        resource.setrlimit(getattr(resource, name), (8, hard))
    except (OSError, ValueError):
        continue


def add(a, b):
    return 0
