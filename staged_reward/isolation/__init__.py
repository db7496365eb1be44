"""What keeps a program apart from the machine: one file per kernel mechanism, no library in between.

    layers       which mechanisms there are, what each stops, the levels they add up to
    view         which files a program may see
    rlimits      limits of one process                 landlock     files, signals and TCP, by rule
    credentials  user, group, capabilities             seccomp      system calls
    namespaces   processes, network, IPC, host name    mounts       a file system of its own
    cgroup       memory of all processes together      scratch      the folder a program may write to
    cell         all of them, in the order that works

Nothing here knows of tests, programs or verdicts. Kernel interfaces: landlock(7), seccomp(2), namespaces(7),
user_namespaces(7), mount_setattr(2), pivot_root(2), cgroups(7), prctl(2), capabilities(7).
"""
