# kind: assert
# must: fail
# why: ends the process by the number of the system call
# flags: bare
import ctypes

ctypes.CDLL(None).syscall(231, 0)
