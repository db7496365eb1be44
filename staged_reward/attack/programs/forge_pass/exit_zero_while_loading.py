# kind: assert
# must: fail
# why: leaves with status 0 before a test can run
# flags: bare
raise SystemExit
