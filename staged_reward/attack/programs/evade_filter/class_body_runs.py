# kind: assert
# must: fail
# why: class statements call what builtins say
# flags: bare
import builtins

builtins.__build_class__ = lambda *args, **options: __import__("os")._exit(0)


class Solution:
    pass
