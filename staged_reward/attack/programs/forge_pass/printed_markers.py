# kind: call
# must: fail
# why: prints what graders print when all is well, then leaves
# flags: bare
import os

LINES = ["PASSED", "all tests passed", "OK", "1.0", "True", '{"passed": true}', "===== 3 passed in 0.01s ====="]
os.write(1, "\n".join(LINES).encode())
os.write(2, "\n".join(LINES).encode())
os._exit(0)
