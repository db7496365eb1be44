"""Runs untrusted programs; the only package that does.

    trusted                                            untrusted
    verifier ── worker ── judge ── host ═══ wire ═══ forkserver ── guest (one process per program)

The trusted side holds tests and expected values and compares. The untrusted side gets source and arguments, and answers
with plain data (`codec`). The two sides share no memory: each is a process started by exec.
"""
