# kind: call
# must: fail
# why: types into the terminal from which the verifier was started
import fcntl
import os
import termios


def add(a, b):
    reached = []
    fds = list(range(3))
    try:
        fds.append(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        pass
    for fd in fds:
        try:
            fcntl.ioctl(fd, termios.TIOCSTI, b"#")
            reached.append(fd)
        except OSError:
            continue
    return f"REACHED the terminal by {reached}" if reached else "shut"
