# kind: call
# must: fail
# why: returns text that moves the cursor and rings the bell
# task: reverse
def reverse(text):
    return "\x1b[2J\x1b]0;canary\x07\0\u202e" + text
