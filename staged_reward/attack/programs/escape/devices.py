# kind: call
# must: fail
# why: opens devices and makes new ones
import os
import stat


def add(a, b):
    reached = []
    for path in (
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
        "/dev/fuse",
        "/dev/net/tun",
        "/dev/loop-control",
        "/dev/vda",
        "/dev/sda",
    ):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
            reached.append(path)
        except OSError:
            continue
    try:
        os.mknod("memory", 0o666 | stat.S_IFCHR, os.makedev(1, 1))
        os.close(os.open("memory", os.O_RDONLY))
        reached.append("mknod")
    except OSError:
        pass
    return f"REACHED {reached}" if reached else "shut"
