# kind: assert
# must: fail
# why: the code object is built from bytes
# flags: bare
import marshal

data = marshal.dumps(compile("import os\nos._exit(0)", "x", "exec"))
exec(marshal.loads(data))
