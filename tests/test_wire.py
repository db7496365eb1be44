"""Frames arrive whole and in order, and a peer cannot send more than it may."""

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.sandbox.wire import FrameTooLargeError, Wire, frame


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(st.lists(st.binary(max_size=100), max_size=10), st.integers(1, 7))
def test_frames_arrive_in_order_however_the_bytes_are_cut(payloads: list[bytes], size: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        data = b"".join(map(frame, payloads))
        for start in range(0, len(data), size):
            theirs.sendall(data[start : start + size])
        theirs.close()
        wire = Wire(ours.fileno())
        assert list(iter(wire.receive, None)) == payloads


def test_frames_larger_than_the_socket_arrive(ends) -> None:
    ours, theirs = ends
    payload = os.urandom(3_000_000)
    sender = threading.Thread(target=Wire(theirs.fileno()).send, args=(frame(b"a"), frame(payload)))
    sender.start()
    wire = Wire(ours.fileno())
    assert (wire.receive(), wire.receive()) == (b"a", payload)
    sender.join()


def test_frame_that_is_cut_off_is_dropped(ends) -> None:
    ours, theirs = ends
    theirs.sendall(frame(b"whole") + frame(b"cut off")[:-1])
    theirs.close()
    wire = Wire(ours.fileno())
    assert (wire.receive(), wire.receive(), wire.receive()) == (b"whole", None, None)


def test_announced_size_beyond_the_limit_is_refused_before_it_is_read(ends) -> None:
    ours, theirs = ends
    theirs.sendall(struct.pack(">I", 2**32 - 1))
    with pytest.raises(FrameTooLargeError):
        Wire(ours.fileno(), max_bytes=1000).receive()


def test_many_small_frames_count_together(ends) -> None:
    ours, theirs = ends
    wire = Wire(ours.fileno(), max_bytes=1000)
    theirs.sendall(frame(b"x" * 96) * 10)
    assert [wire.receive() for _ in range(10)] == [b"x" * 96] * 10
    theirs.sendall(frame(b""))
    with pytest.raises(FrameTooLargeError):
        wire.receive()


def test_peer_that_resets_the_connection_is_at_its_end(ends) -> None:
    ours, theirs = ends
    ours.send(b"unread")
    theirs.close()
    assert Wire(ours.fileno()).receive() is None


def test_silence_beyond_the_timeout_is_reported(ends) -> None:
    ours, _ = ends
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 20_000))
    with pytest.raises(BlockingIOError):
        Wire(ours.fileno()).receive()
