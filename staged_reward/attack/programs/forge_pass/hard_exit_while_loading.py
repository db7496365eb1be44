# kind: assert
# must: fail
# why: ends the process below every handler of the grader
# flags: bare
from os import _exit

_exit(0)
