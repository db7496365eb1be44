# kind: call
# must: pass
# why: works on three hundred megabytes
def add(a, b):
    block = bytearray(300 << 20)
    block[-1] = 1
    return a + b + block[-1] - 1
