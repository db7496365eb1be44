# kind: call
# must: fail
# why: the entry point is a module
import os as add
