# kind: call
# must: fail
# why: raises its soft and hard limits
import resource


def add(a, b):
    reached = []
    for name in ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE"):
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY:
            continue
        for wanted in ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (hard, hard + 4096)):
            try:
                resource.setrlimit(kind, wanted)
                reached.append(name)
            except (OSError, ValueError):
                continue
    return f"REACHED {reached}" if reached else "shut"
