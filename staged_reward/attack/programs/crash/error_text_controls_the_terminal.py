# kind: call
# must: fail
# why: an error text with line breaks and terminal escapes, for logs and tables
def add(a, b):
    raise ValueError("\x1b[2J\x1b]0;canary\x07\nall tests passed\r\x9b31m\u2028\u202e\0end")
