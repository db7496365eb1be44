# kind: call
# must: pass
# why: runs another Python
import subprocess
import sys


def add(a, b):
    output = subprocess.run([sys.executable, "-c", f"print({a} + {b})"], capture_output=True, text=True, timeout=5)
    return int(output.stdout)
