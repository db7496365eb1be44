# kind: call
# must: fail
# why: a text that doubles up to three gigabytes
def add(a, b):
    text = "x" * 1024
    while len(text) < 3 << 30:
        text += text
    return len(text)
