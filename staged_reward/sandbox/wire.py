"""Length-prefixed frames over a descriptor. Both sides use it; it knows nothing of what the frames hold.

It reads and writes the bare descriptor: in a freshly forked guest, making a `socket` object touches a hundred pages.
"""

from __future__ import annotations

import os
import struct

_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 16


class FrameTooLargeError(ValueError):
    """The peer announced, or sent in total, more bytes than it may."""


def frame(payload: bytes) -> bytes:
    """Return `payload` behind its length."""
    return _LENGTH.pack(len(payload)) + payload


class Wire:
    """Reads and writes frames on a connected, blocking stream descriptor.

    Args:
        fd: The descriptor; the caller closes it.
        max_bytes: What the peer may send in total over the life of the wire; None for a trusted peer.
    """

    def __init__(self, fd: int, *, max_bytes: int | None = None) -> None:
        self._fd = fd
        self._buffer = bytearray()
        self._left = max_bytes

    def send(self, *frames: bytes) -> None:
        """Send frames (made by `frame`) in one go."""
        data = memoryview(b"".join(frames))
        while data:
            data = data[os.write(self._fd, data) :]

    def receive(self) -> bytes | None:
        """Return the next payload, or None at the end of the stream (a cut-off frame is dropped).

        Raises:
            FrameTooLargeError: The peer sends more than `max_bytes`.
            BlockingIOError: The descriptor's own receive timeout passed.
        """
        while (payload := self._take()) is None:
            try:
                chunk = os.read(self._fd, _CHUNK)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self._count(len(chunk))
            self._buffer += chunk
        return payload

    def _take(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
        if self._left is not None and end - len(self._buffer) > self._left:
            raise FrameTooLargeError(f"a frame of {end - _LENGTH.size} bytes")
        if len(self._buffer) < end:
            return None
        payload = bytes(memoryview(self._buffer)[_LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def _count(self, size: int) -> None:
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise FrameTooLargeError("more output than allowed")
