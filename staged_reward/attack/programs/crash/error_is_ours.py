# kind: call
# must: fail
# why: raises exceptions that are named like the verifier's own
class InfraError(RuntimeError):
    pass


class GuestGoneError(BaseException):
    pass


class ExitError(Exception):
    pass


def add(a, b):
    raise {2: InfraError, 19: GuestGoneError, 400: ExitError}[a]("the fork server is gone")
