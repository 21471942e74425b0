"""The results as they are read: goals with what was measured, tables in Markdown, and a plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from yardstick.contenders import PEERS
from yardstick.fleets import memory_per_stream

OF_REFERENCE, OF_PEER, WITH_JOURNAL, OF_LATENCY = 1.25, 1.1, 0.35, 2.0
HEARTBEAT_MS, STREAM_KIB, TLS_STREAM_KIB, IDLE_SHARE, SPREAD, IMPORT = 100.0, 150.0, 400.0, 0.005, 1.3, 1.3
COMPARED_RATE = "5000"


def goals(results: dict[str, Any]) -> Iterator[tuple[str, str, str, bool | None]]:
    """What is to be reached, the goal, what was measured, and whether it was; None where nothing was measured."""
    for exchange, found in results["speed"].items():
        yield from _throughput(exchange, found)
    for exchange, found in results["speed"].items():
        ours, theirs = (found.get(name, {}).get("latency", {}).get(COMPARED_RATE) for name in ("jexkit", "reference"))
        what = f"p99 at {COMPARED_RATE} messages/s, {exchange}"
        yield _at_most(what, OF_LATENCY, ours and theirs and ours["p99"] / theirs["p99"], "× the reference")
    beats = results.get("heartbeats") or {}
    late = None if beats.get("unanswered", 1) else beats["p99"] / 1000
    yield _at_most(f"heartbeat answer p99, {results['streams']} streams", HEARTBEAT_MS, late, "ms")
    yield _at_most("memory of an idle stream", STREAM_KIB, memory_per_stream(results["idle"]), "KiB")
    yield _at_most("the same over TLS", TLS_STREAM_KIB, memory_per_stream(results["idle_tls"]), "KiB")
    hundred = results["idle"].get("100", {}).get("share")
    yield _at_most("processor share of 100 idle streams", 100 * IDLE_SHARE, hundred and 100 * hundred, "%")
    spread = list(results["spread"].values())
    yield _at_most("cost of a message over many streams", SPREAD, spread and spread[-1] / spread[0], "× one stream")
    imports = results["imports"]
    yield _at_most("import", IMPORT, imports["jexkit"] / imports["dependencies"], "× the dependencies")


def _throughput(exchange: str, found: dict[str, Any]) -> Iterator[tuple[str, str, str, bool | None]]:
    rates = {name: each["rate"] for name, each in found.items() if "rate" in each}
    own, reference = rates.get("jexkit"), rates.get("reference")
    yield _at_least(f"throughput, {exchange}", OF_REFERENCE, own and reference and own / reference, "× the reference")
    peers = {name: rate for name, rate in rates.items() if name in PEERS}
    if peers:
        best = max(peers, key=lambda name: peers[name])
        yield _at_least(f"throughput, {exchange}", OF_PEER, own and own / peers[best], f"× {best}")
    journaled = rates.get("jexkit, journal")
    what = f"with the journal, {exchange}"
    yield _at_least(what, WITH_JOURNAL, journaled and reference and journaled / reference, "× the reference")


def _at_least(what: str, goal: float, got: float | None, unit: str) -> tuple[str, str, str, bool | None]:
    return what, f"at least {goal:g} {unit}", _number(got), None if got is None else got >= goal


def _at_most(what: str, goal: float, got: float | None, unit: str) -> tuple[str, str, str, bool | None]:
    return what, f"at most {goal:g} {unit}", _number(got), None if got is None else got <= goal


def _number(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


# --- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(results: dict[str, Any]) -> str:
    """Everything, as tables."""
    return "\n\n".join(["\n".join(table) for table in _tables(results)]) + "\n"


def _tables(results: dict[str, Any]) -> Iterator[list[str]]:
    machine = results["machine"]
    yield [f"`{results['command']}`, {results['when']}, {machine}"]
    words = {True: "yes", False: "no", None: "-"}
    yield _table(
        ["goal", "", "measured", "reached"],
        [[what, goal, got, words[reached]] for what, goal, got, reached in goals(results)],
    )
    for exchange, found in results["speed"].items():
        yield [f"**{exchange}**"]
        yield _table(
            ["", "messages/s", "µs of processor", *_latency_heads(found), "start s", "stop s"],
            [_speed_row(name, each, found) for name, each in found.items() if "rate" in each],
        )
    for name in ("idle", "idle_tls"):
        over = " over TLS" if name == "idle_tls" else ""
        yield _table(
            ["idle streams" + over, "threads", "threads a stream", "memory MiB", "KiB a stream more", "% of a core"],
            _idle_rows(results[name]),
        )
    yield _table(["", "measured"], list(_single_figures(results)))
    if results["endurance"]:
        yield _table(
            ["messages passed", "memory MiB"],
            [[f"{each['messages']:,}", f"{each['memory'] / 1024:.1f}"] for each in _some(results["endurance"])],
        )
    yield ["Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items())]
    left_out = {**results["missing"], **_faults(results)}
    if left_out:
        yield ["Not measured:", "", *(f"- {name}: {why}" for name, why in left_out.items())]


def _idle_rows(found: dict[str, Any]) -> Iterator[list[str]]:
    """Threads a stream are what the whole process has, divided; memory is what each stream more than before took."""
    before: tuple[int, float] | None = None
    for count, each in found.items():
        grown = f"{(each['memory'] - before[1]) / (int(count) - before[0]):.0f}" if before else "-"
        before = int(count), each["memory"]
        threads, share = each["threads"], 100 * each["share"]
        yield [
            count,
            str(threads),
            f"{threads / int(count):.2f}",
            f"{each['memory'] / 1024:.1f}",
            grown,
            f"{share:.2f}",
        ]


def _single_figures(results: dict[str, Any]) -> Iterator[list[str]]:
    beats = results.get("heartbeats") or {}
    if "p99" in beats:
        told = " / ".join(f"{beats[name] / 1000:.1f}" for name in ("p50", "p99", "p99.9"))
        yield [f"heartbeat answers, {beats['asked']} asked: p50 / p99 / p99.9 ms", told]
        yield ["heartbeats without an answer", str(beats["unanswered"])]
    for count, cost in results["spread"].items():
        yield [f"µs of processor for a message, 2,000 a second over streams: {count}", f"{cost:.1f}"]
    for name, cost in results["imports"].items():
        yield [f"ms of processor to import {name}", f"{cost:.0f}"]


def _some(passed: list[dict[str, int]]) -> list[dict[str, int]]:
    """About ten of them, and the last."""
    return [*passed[: -1 : max(1, len(passed) // 10)], passed[-1]]


def _latency_heads(found: dict[str, Any]) -> list[str]:
    rates = next((list(each["latency"]) for each in found.values() if each.get("latency")), [])
    return [f"p50 / p99 / p99.9 µs at {int(rate):,}/s" for rate in rates]


def _speed_row(name: str, each: dict[str, Any], found: dict[str, Any]) -> list[str]:
    rates = next((list(other["latency"]) for other in found.values() if other.get("latency")), [])
    latencies = [each["latency"].get(rate) for rate in rates]
    told = [" / ".join(f"{value:,.0f}" for value in one.values()) if one else "-" for one in latencies]
    return [
        name,
        f"{each['rate']:,.0f}",
        f"{each['processor']:.1f}",
        *told,
        f"{each['start']:.2f}",
        "-" if each["stop"] is None else f"{each['stop']:.2f}",
    ]


def _faults(results: dict[str, Any]) -> dict[str, str]:
    return {
        f"{name} on {exchange}": each["faults"][0]
        for exchange, found in results["speed"].items()
        for name, each in found.items()
        if each["faults"]
    }


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {' | '.join(row)} |" for row in rows)]


# --- a plot -----------------------------------------------------------------------------------------------------------

BAR, GAP, LEFT, WIDTH = 18, 6, 190, 560


def plot(results: dict[str, Any]) -> str:
    """Messages per second as bars, exchange by exchange, in SVG."""
    parts: list[str] = []
    y = 20
    most = max(
        (each["rate"] for found in results["speed"].values() for each in found.values() if "rate" in each), default=1
    )
    for exchange, found in results["speed"].items():
        parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">{escape(exchange)}</text>')
        y += BAR + GAP
        for name, each in found.items():
            if "rate" not in each:
                continue
            width = each["rate"] / most * WIDTH
            color = "#2b6cb0" if name.startswith("jexkit") else "#a0aec0"
            parts.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>')
            parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{each["rate"]:,.0f}</text>')
            y += BAR + GAP
        y += GAP
    size = f'width="{LEFT + WIDTH + 90}" height="{y + 10}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(parts) + "\n</svg>\n"
