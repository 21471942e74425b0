"""What is cut out beside websocket-client is what websocket-client alone would have read.

Three proofs: frame by frame on the buffer itself; the cases of RFC 6455 (those of the Autobahn test suite that a client
without extensions can meet) against a real server, whole and byte by byte; and any bytes in any pieces, compared with
websocket-client on its own.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest
import websocket
from hypothesis import example, given
from hypothesis import strategies as st

from jexkit.accounts import Jex
from jexkit.engine.frames import READ, Unread
from jexkit.engine.transport import Kind, Transport
from tests.engine.servers import BINARY, CLOSE, PATIENCE, PING, PONG, TEXT, Peer, Server, frame

CONTINUATION = 0
FIN = 0x80
Serve = Callable[..., Server]
MakeAccount = Callable[..., Jex]


# --- the buffer -------------------------------------------------------------------------------------------------------


def unread(*reads: bytes) -> Unread:
    """What a socket brings that is read so often."""
    left = list(reads)
    return Unread(lambda size: left.pop(0))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65_535])
def test_texts_of_every_plain_size_are_cut(size: int) -> None:
    data = frame(TEXT, "x" * size)
    found = unread(data * 3)
    assert found.texts() == [b"x" * size] * 3
    assert len(found) == 0


@pytest.mark.parametrize(
    "other",
    [
        frame(TEXT, "x" * 65_536),
        frame(BINARY, "x"),
        frame(PING, "x"),
        frame(PONG, "x"),
        frame(CLOSE, b"\x03\xe8"),
        frame(TEXT, "x", fin=False),
        frame(CONTINUATION, "x"),
        b"\xc1\x01x",  # a bit of an extension
        b"\x81\x81\x00\x00\x00\x00x",  # masked
        b"\x81\xfe\x00\x01\x00\x00\x00\x00x",  # masked, in the longer form
        b"\x83\x01x",  # an opcode that is reserved
    ],
    ids=lambda data: data[:2].hex(),
)
def test_anything_else_stays_where_it_is(other: bytes) -> None:
    """And nothing behind it is touched."""
    found = unread(frame(TEXT, "first") + other + frame(TEXT, "last"))
    assert found.texts() == [b"first"]
    assert found.texts() == []
    assert found.recv(10**9) == other + frame(TEXT, "last")


@pytest.mark.parametrize("payload", ["x" * 20, "x" * 300])
def test_a_frame_whose_end_has_not_come_stays(payload: str) -> None:
    """Cut off at any byte."""
    data = frame(TEXT, payload)
    for end in range(len(data)):
        found = unread(frame(TEXT, "whole") + data[:end])
        assert found.texts() == [b"whole"]
        assert len(found) == end


def test_reads_go_on_where_the_buffer_ends() -> None:
    """One read of the socket at a time, and only when nothing is left."""
    found = unread(b"abc", b"defgh")
    assert [found.recv(2), found.recv(2), found.recv(2), found.recv(9)] == [b"ab", b"c", b"de", b"fgh"]
    assert len(found) == 0


def test_the_socket_is_asked_for_a_bounded_part() -> None:
    asked: list[int] = []
    found = Unread(lambda size: asked.append(size) or b"x")  # type: ignore[func-returns-value]
    found.recv(1)
    assert asked == [READ]


# --- RFC 6455, against a real server ----------------------------------------------------------------------------------


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


@attrs.frozen
class Case:
    """What the server sends, what is told of it, and what the client answers. ``broken`` is an end by error."""

    name: str
    sent: bytes
    told: Sequence[bytes | Kind]
    answered: Sequence[tuple[int, bytes]] = ()
    broken: bool = False


END = closing(1000)
ENDED = ((CLOSE, b"\x03\xe8"),)
CLOSED = Kind.CLOSED
NO_UTF8 = b"\xce\xba\xed\xa0\x80"
CASES = [
    # 1: texts and binary messages of all lengths
    *(
        Case(f"1.1 text of {size}", frame(TEXT, b"*" * size) + END, [b"*" * size, CLOSED], ENDED)
        for size in (0, 125, 126, 127, 128, 65_535, 65_536)
    ),
    *(
        Case(f"1.2 binary of {size}", frame(BINARY, b"\xfe" * size) + END, [b"\xfe" * size, CLOSED], ENDED)
        for size in (0, 125, 126, 127, 128, 65_535, 65_536)
    ),
    # 2: pings and pongs
    Case("2.1 ping without payload", frame(PING) + END, [Kind.PING, CLOSED], ((PONG, b""), *ENDED)),
    Case("2.2 ping", frame(PING, "Hello") + END, [Kind.PING, CLOSED], ((PONG, b"Hello"), *ENDED)),
    Case("2.3 binary ping", frame(PING, b"\x00\xff\xfe") + END, [Kind.PING, CLOSED], ((PONG, b"\x00\xff\xfe"), *ENDED)),
    Case("2.4 longest ping", frame(PING, b"\xfe" * 125) + END, [Kind.PING, CLOSED], ((PONG, b"\xfe" * 125), *ENDED)),
    Case("2.5 too long a ping", frame(PING, b"\xfe" * 126) + END, [CLOSED], broken=True),
    Case("2.7 unasked pong", frame(PONG) + END, [Kind.PONG, CLOSED], ENDED),
    Case("2.8 unasked pong with payload", frame(PONG, "unasked") + END, [Kind.PONG, CLOSED], ENDED),
    Case(
        "2.9 pong and ping", frame(PONG, "a") + frame(PING, "b") + END, [Kind.PONG, Kind.PING, CLOSED],
        ((PONG, b"b"), *ENDED),
    ),
    Case(
        "2.10 ten pings", b"".join(frame(PING, f"{n}") for n in range(10)) + END, [Kind.PING] * 10 + [CLOSED],
        (*((PONG, b"%d" % n) for n in range(10)), *ENDED),
    ),
    # 3: reserved bits without an extension
    *(
        Case(f"3.{bits} reserved bits", frame(TEXT, "fine") + bytes([FIN | bits << 4 | opcode, 0]), [b"fine", CLOSED],
             broken=True)
        for bits, opcode in [(1, TEXT), (2, TEXT), (3, TEXT), (4, TEXT), (5, BINARY), (6, PING), (7, CLOSE)]
    ),
    # 4: reserved opcodes
    *(
        Case(f"4 opcode {opcode}", frame(TEXT, "fine") + bytes([FIN | opcode, 0]), [b"fine", CLOSED], broken=True)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ),
    # 5: fragments
    Case(
        "5.3 text in two fragments", frame(TEXT, "a", fin=False) + frame(CONTINUATION, "b") + END, [b"ab", CLOSED],
        ENDED,
    ),
    Case(
        "5.6 ping between two fragments",
        frame(TEXT, "a", fin=False) + frame(PING, "p") + frame(CONTINUATION, "b") + END,
        [Kind.PING, b"ab", CLOSED], ((PONG, b"p"), *ENDED),
    ),
    Case("5.9 continuation of nothing", frame(CONTINUATION, "b") + frame(TEXT, "c"), [CLOSED], broken=True),
    Case("5.11 continuation after a text", frame(TEXT, "c") + frame(CONTINUATION, "b"), [b"c", CLOSED], broken=True),
    Case("5.15 two texts that are not final", frame(TEXT, "a", fin=False) + frame(TEXT, "b"), [CLOSED], broken=True),
    Case(
        "5.18 a whole text inside a fragmented one",
        frame(TEXT, "a", fin=False) + frame(TEXT, "whole") + frame(CONTINUATION, "b"), [CLOSED], broken=True,
    ),
    Case(
        "5.19 five fragments and two pings",
        frame(TEXT, "1", fin=False) + frame(CONTINUATION, "2", fin=False) + frame(PING, "x")
        + frame(CONTINUATION, "3", fin=False) + frame(CONTINUATION, "4", fin=False) + frame(PING, "y")
        + frame(CONTINUATION, "5") + frame(TEXT, "next") + END,
        [Kind.PING, Kind.PING, b"12345", b"next", CLOSED], ((PONG, b"x"), (PONG, b"y"), *ENDED),
    ),
    # 6: a text that is no UTF-8 is handed on as it came: the JSON decoder says what is wrong with it
    Case("6.2 valid UTF-8", frame(TEXT, "µ@ßöäüàá") + END, ["µ@ßöäüàá".encode(), CLOSED], ENDED),
    Case("6.3 invalid UTF-8", frame(TEXT, NO_UTF8) + END, [NO_UTF8, CLOSED], ENDED),
    # 7: the end
    Case("7.1 message after the close frame", END + frame(TEXT, "late"), [CLOSED], ENDED),
    Case("7.3 close without a code", frame(CLOSE), [CLOSED], ENDED),
    Case("7.3 close of one byte", frame(CLOSE, b"\x03"), [CLOSED], broken=True),
    Case("7.3 close with a reason", closing(1000, b"Hello"), [CLOSED], ENDED),
    Case("7.3 longest reason", closing(1000, b"*" * 123), [CLOSED], ENDED),
    Case("7.5 reason that is no UTF-8", closing(1000, NO_UTF8), [CLOSED], ENDED),
    *(Case(f"7.7 close code {code}", closing(code), [CLOSED], ENDED) for code in (1000, 1001, 1002, 1003, 3000, 4999)),
    *(
        Case(f"7.9 forbidden close code {code}", closing(code), [CLOSED], broken=True)
        for code in (0, 999, 1004, 1005, 1006, 5000, 65_535)
    ),
    # 9: long messages
    Case("9.1 one mebibyte", frame(TEXT, b"*" * (1 << 20)) + END, [b"*" * (1 << 20), CLOSED], ENDED),
    Case(
        "9.3 a quarter of a mebibyte in fragments",
        frame(TEXT, b"*" * 4096, fin=False) + frame(CONTINUATION, b"*" * 4096, fin=False) * 62
        + frame(CONTINUATION, b"*" * 4096) + END,
        [b"*" * (4096 * 64), CLOSED], ENDED,
    ),
    # 10: fragments that end with the read
    Case(
        "10.1 text of 65536 in fragments of 1300",
        b"".join(frame(CONTINUATION if n else TEXT, b"*" * 1300, fin=False) for n in range(50))
        + frame(CONTINUATION, b"*" * 536) + END,
        [b"*" * 65_536, CLOSED], ENDED,
    ),
]  # fmt: skip
"""Numbered as in the Autobahn test suite. 12 and 13 are of compression, which is not offered."""


PIECES = {1 << 30: "whole", 1: "byte by byte", 997: "in pieces"}
RUNS = [(case, piece) for case in CASES for piece in PIECES if piece > 1 or len(case.sent) < 70_000]


@pytest.mark.parametrize(("case", "piece"), RUNS, ids=lambda part: getattr(part, "name", None) or PIECES[part])
def test_rfc_6455(serve: Serve, account: MakeAccount, case: Case, piece: int) -> None:
    """The client tells what was sent, answers what wants an answer, and leaves where the rules are broken."""
    answers: list[tuple[int, bytes]] = []

    def script(peer: Peer) -> None:
        peer.accept()
        with contextlib.suppress(OSError):  # a client that has left takes nothing more; what it answered is there still
            for begin in range(0, len(case.sent), piece):
                peer.raw(case.sent[begin : begin + piece])
        while True:
            answers.append(peer.read_frame())

    server = serve(script)
    transport = Transport(account(server), server.ws_url, {})
    transport.connect()
    told: list[bytes | Kind] = []
    while not told or told[-1] is not CLOSED:
        received = transport.receive(PATIENCE)
        assert received is not None
        told += received.texts if received.kind is Kind.TEXT else [received.kind]
        broken = received.broken
    transport.close()
    server.stop()
    assert told == list(case.told)
    assert broken is case.broken
    replies = [(opcode, payload) for opcode, payload in answers if opcode != CLOSE]
    assert replies == [(opcode, payload) for opcode, payload in case.answered if opcode != CLOSE]
    assert bool(case.broken) or any(opcode == CLOSE for opcode, _ in answers)


def test_tls_reads_the_same(serve: Serve, account: MakeAccount, tls: Any, ca_bundle: str) -> None:
    """A burst that spans many TLS records, with a ping and a long message in it, in order and whole."""
    texts = [b'{"number": %d}' % number + b" " * (number % 400) for number in range(2_000)]
    texts[700] = b"x" * 200_000

    def script(peer: Peer) -> None:
        peer.accept()
        data = b"".join(frame(TEXT, text) for text in texts[:1000]) + frame(PING, "p")
        peer.raw(data + b"".join(frame(TEXT, text) for text in texts[1000:]))
        peer.wait_gone()

    server = serve(script, tls)
    transport = Transport(account(server, ca_bundle=ca_bundle), server.ws_url, {})
    transport.connect()
    told: list[bytes] = []
    pings_after: list[int] = []
    while len(told) < len(texts):
        received = transport.receive(PATIENCE)
        assert received is not None
        if received.kind is Kind.PING:
            pings_after.append(len(told))
        told += received.texts
    transport.close()
    assert told == texts
    assert pings_after == [1000]


# --- any bytes in any pieces ------------------------------------------------------------------------------------------


class Pieces:
    """A socket whose other end has sent these pieces and gone; between two pieces a read may time out."""

    def __init__(self, pieces: Sequence[bytes], *, timeouts: bool) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._timeouts = timeouts
        self._timed_out = False
        self.sent = b""

    def recv(self, size: int) -> bytes:
        if self._timeouts and not self._timed_out:
            self._timed_out = True
            raise TimeoutError
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if piece[size:]:
            self._pieces.insert(0, piece[size:])
        else:
            self._timed_out = False
        return piece[:size]

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, timeout: float) -> None:
        del timeout

    def close(self) -> None: ...


def told_alone(pieces: Pieces) -> Iterator[Any]:
    """What websocket-client reads on its own, until the end."""
    alone = websocket.WebSocket(skip_utf8_validation=True, enable_multithread=True)
    alone.sock, alone.connected = pieces, True
    while True:
        try:
            opcode, found = alone.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is
            yield type(error).__name__
            return
        yield (opcode, bytes(found.data))
        if opcode == CLOSE:
            return


def told_by_us(pieces: Pieces, transport: Transport) -> Iterator[Any]:
    """The same of our transport, whose socket is put in the place of a connected one."""
    inner = transport._socket
    inner.sock, inner.connected = pieces, True
    kinds = {Kind.PING: PING, Kind.PONG: PONG, Kind.CLOSED: CLOSE}
    while True:
        received = transport.receive(1.0)
        if received is None:
            continue
        if received.kind is Kind.TEXT:
            yield from received.texts
            continue
        yield received.detail if received.broken else kinds[received.kind]
        if received.kind is Kind.CLOSED:
            return


PAYLOADS = st.one_of(
    st.binary(max_size=8),
    st.integers(100, 140).map(lambda size: b"x" * size),
    st.sampled_from([65_535, 65_536]).map(bytes),
)
CONTROLS = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=10))


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """A message in fragments, with control frames between them."""
    parts = draw(st.lists(st.binary(max_size=5), min_size=2, max_size=4))
    data = b""
    for number, part in enumerate(parts):
        opcode = CONTINUATION if number else draw(st.sampled_from([TEXT, BINARY]))
        data += frame(opcode, part, fin=number == len(parts) - 1) + draw(st.just(b"") | CONTROLS)
    return data


@st.composite
def masked(draw: st.DrawFn) -> bytes:
    """A text with a mask, which no server sends and websocket-client reads."""
    payload, mask = draw(st.binary(max_size=20)), draw(st.binary(min_size=4, max_size=4))
    hidden = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([FIN | TEXT, 128 | len(payload)]) + mask + hidden


TEXTS = st.lists(st.builds(frame, st.just(TEXT), PAYLOADS), min_size=1, max_size=6).map(b"".join)
VALID = st.lists(
    st.one_of(TEXTS, TEXTS, CONTROLS, fragmented(), masked(), st.builds(frame, st.just(BINARY), PAYLOADS)), max_size=6
).map(b"".join)
ENDS = st.sampled_from([b"", frame(CLOSE), closing(1000, b"bye"), closing(1005), frame(TEXT, "cut off")[:5]])
BROKEN = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\xc1\x00", b"\x83\x01x", frame(CONTINUATION, "x"), b"\x09\x00", frame(PING, b"x" * 126)]),
)


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Split anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def agrees(pieces: list[bytes], transport: Transport, *, timeouts: bool) -> None:
    """Same messages, same answers, and the same end."""
    ours, theirs = Pieces(pieces, timeouts=timeouts), Pieces(pieces, timeouts=timeouts)
    expected = list(told_alone(theirs))
    told = list(told_by_us(ours, transport))
    broken = isinstance(expected[-1], str)
    assert isinstance(told[-1], str) is broken
    readable = [data if opcode in (TEXT, BINARY) else opcode for opcode, data in expected[: -1 if broken else None]]
    assert told[: -1 if broken else None] == readable
    if broken:
        assert ("malformed" in told[-1]) is ("Protocol" in expected[-1] or "Payload" in expected[-1])
    assert unmasked(ours.sent) == unmasked(theirs.sent)


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """The short frames in what a client has sent."""
    frames = []
    while data:
        size, mask = data[1] & 127, data[2:6]
        frames.append((data[0], bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[6 : 6 + size]))))
        data = data[6 + size :]
    return frames


@pytest.fixture(scope="module")
def anyone() -> Jex:
    return Jex(api_key="key-of-nobody", rest_url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1", proxy="")


@given(data=st.data(), stream=st.tuples(VALID, ENDS).map(b"".join), timeouts=st.booleans())
def test_any_valid_stream_in_any_pieces(anyone: Jex, data: st.DataObject, stream: bytes, timeouts: bool) -> None:
    """Cut at any byte, with timeouts in between or without: what websocket-client alone tells is told."""
    agrees(data.draw(in_pieces(stream)), Transport(anyone, anyone.ws_url, {}), timeouts=timeouts)


@given(data=st.data(), stream=st.tuples(VALID, BROKEN, VALID).map(b"".join), timeouts=st.booleans())
def test_any_broken_stream_in_any_pieces(anyone: Jex, data: st.DataObject, stream: bytes, timeouts: bool) -> None:
    """Where websocket-client fails we fail, after the same messages."""
    agrees(data.draw(in_pieces(stream)), Transport(anyone, anyone.ws_url, {}), timeouts=timeouts)


LOOKS_LIKE_TEXTS = frame(TEXT, "x") * 50


@pytest.mark.parametrize(
    "stream",
    [
        frame(BINARY, LOOKS_LIKE_TEXTS),
        frame(TEXT, "a", fin=False) + frame(CONTINUATION, LOOKS_LIKE_TEXTS),
        b"\x82\x81\x01x\x00\x00y",  # masked, with one byte: from its second byte on it could be a text
    ],
    ids=["message", "fragment", "head"],
)
@pytest.mark.parametrize("timeouts", [True, False])
def test_what_looks_like_a_text_inside_a_frame_is_none(anyone: Jex, stream: bytes, timeouts: bool) -> None:
    """Cut at every byte: after a timeout the rest of the frame is all that is in the buffer."""
    for cut in range(1, len(stream)):
        agrees([stream[:cut], stream[cut:]], Transport(anyone, anyone.ws_url, {}), timeouts=timeouts)


@given(cut=st.integers(1, 12), timeouts=st.booleans())
@example(cut=1, timeouts=True)
def test_a_text_inside_a_fragmented_message_is_not_cut_out(anyone: Jex, cut: int, timeouts: bool) -> None:
    """It is an error there, wherever the read ends."""
    stream = frame(TEXT, "a", fin=False) + frame(TEXT, "b") + frame(TEXT, "c")
    agrees([stream[:cut], stream[cut:]], Transport(anyone, anyone.ws_url, {}), timeouts=timeouts)
