# kind: call
# must: fail
# why: defines nothing
pass
