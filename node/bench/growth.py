"""`ggzy bench growth`: what a record costs to take in when its log holds ten thousand, a hundred thousand, a million.

One district's log grows; between the sizes it is filled and synced in stretches. At each size the same step is
measured: a few rounds of some thousand records each, wall and CPU time of both sides. What grows with the log shows in
the ratio.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from node.bench import machine
from node.bench.options import Options, workplace
from node.bench.processes import peak_rss_bytes
from node.bench.report import Figures, median, rounded
from node.bench.report import show as show_table
from node.bench.scene import Scene, scene, together
from node.bench.watching import Seen
from node.errors import Malformed

FILL = 1 << 16
"""Records that are made and sent at once between the sizes: what a node that was away for long brings."""
SIZES = (10_000, 100_000, 1_000_000)
MICRO = 1e6


@dataclass(frozen=True, slots=True)
class GrowthOptions(Options):
    """`rounds` of `step` records are measured at each of `sizes`, which rise.

    With `portal` each round waits until the hub's portal shows all that came before, so that its projection takes as
    much of the machine at every size; without, a large size is measured while the hub still catches up with that.
    """

    sizes: tuple[int, ...] = SIZES
    step: int = 4096
    rounds: int = 5
    portal: bool = True


async def run(options: GrowthOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    if not options.sizes or options.step < 1 or options.rounds < 1:
        raise Malformed(
            "growth needs sizes, a step and rounds of at least 1",
            zh="日志大小、每步记录数与轮数都应至少为 1",
            advice_zh="请给出正整数，如 --sizes 10000,100000 --step 4096。",
            advice_en="Give whole numbers, such as --sizes 10000,100000 --step 4096.",
        )
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        async with scene(place, options) as running:
            found = []
            for size in sorted(options.sizes):
                options.tell(f"填充至 {size:,} 条 · filling up to {size:,}")
                await _fill(running, options, size)
                options.tell(f"测量 {size:,} 条 · measuring at {size:,}")
                found.append(await _measure(running, options, size))
            peak = peak_rss_bytes(running.hub.pid)
            first, last = found[0], found[-1]
            return {
                "bench": "growth",
                "store": options.store,
                "step": options.step,
                "sizes": found,
                "ratio": rounded(last["wall_us_per_record"] / first["wall_us_per_record"]),
                "cpu_ratio": rounded(last["cpu_us_per_record"] / first["cpu_us_per_record"]),
                "hub_peak_rss_bytes": peak,
                "machine": described,
            }


async def _fill(running: Scene, options: GrowthOptions, size: int) -> None:
    """Let the log grow to `size`, at the district and at the hub."""
    (district,), (settings,) = running.districts, running.federation.districts
    held = (await district.ask(do="size"))["size"]
    while held < size:
        count = min(FILL, size - held)
        made = await district.ask(do="forge", kind="mixed", records=count, seed=options.seed, index=False)
        await district.ask(do="go")
        held = made["end"]
    seen = await running.watcher.whole(settings.origin, held)
    if options.portal:
        await running.watcher.shown(seen)


async def _measure(running: Scene, options: GrowthOptions, size: int) -> Figures:
    (district,), (settings,) = running.districts, running.federation.districts
    walls, hub_s, district_s = [], 0.0, 0.0
    for _ in range(options.rounds):
        made = await district.ask(do="forge", kind="mixed", records=options.step, seed=options.seed, index=False)
        hub, own, started = running.hub_cpu(), running.districts_cpu(), time.perf_counter()
        _, arrived = await together(district.ask(do="go"), _arrival(running, settings.origin, made["end"]))
        ended, hub_then, seen = arrived
        walls.append(ended - started)
        hub_s += hub_then - hub
        district_s += running.districts_cpu() - own
        if options.portal:
            await running.watcher.shown(seen)
    records = options.step * options.rounds
    return {
        "size": size,
        "wall_us_per_record": rounded(median(walls) / options.step * MICRO),
        "cpu_us_per_record": rounded((hub_s + district_s) / records * MICRO),
        "hub_cpu_us_per_record": rounded(hub_s / records * MICRO),
        "district_cpu_us_per_record": rounded(district_s / records * MICRO),
        "hub_peak_rss_bytes": peak_rss_bytes(running.hub.pid),
        "walls_s": [rounded(wall) for wall in walls],
    }


async def _arrival(running: Scene, origin: str, end: int) -> tuple[float, float, Seen]:
    """Wait until the hub serves the log up to `end`: the time then, and the hub's CPU seconds until then."""
    await running.districts[0].told.wait()
    seen = await running.watcher.whole(origin, end)
    return time.perf_counter(), running.hub_cpu(), seen


def show(figures: Figures) -> None:
    """The figures for people."""
    rows = [
        (
            f"{each['size']:,} 条：每条微秒 µs a record: wall, CPU hub, CPU district",
            [each["wall_us_per_record"], each["hub_cpu_us_per_record"], each["district_cpu_us_per_record"]],
        )
        for each in figures["sizes"]
    ]
    rows += [
        ("最大与最小之比（用时）ratio largest/smallest, wall", figures["ratio"]),
        ("最大与最小之比（CPU）ratio largest/smallest, CPU", figures["cpu_ratio"]),
        ("枢纽内存峰值（MB）hub's peak memory", figures["hub_peak_rss_bytes"] / 1e6),
    ]
    show_table(f"增长 growth · {figures['store']}", rows)
