"""How quickly the studio answers: a stroke in a real browser, and many people at once.

    python bench/studio_latency.py RUN PHOTOS [--people 20] [--seconds 10] [--axe axe.min.js]

Prints the time from a pointer's move to the filled picture (median and 95th percentile), the
server's own share, the time to the first paint of the page, and what happens when many people paint
at once: failures, dropped requests and memory. With `--axe` a copy of axe-core looks for faults of
accessibility in both themes and widths.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

STROKES = 60
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]

# Set up before the stroke: the time from each move to the first frame that shows its mask.
WATCH = """() => {
  const room = document.querySelector(".paint");
  window.times = [];
  let begun = null;
  document.querySelector("canvas").addEventListener("pointerdown", () => {
    begun = performance.now();
  }, true);
  new MutationObserver(() => {
    if (begun === null) return;
    const at = begun;
    begun = null;
    // The second frame: the picture is on the screen by then.
    requestAnimationFrame(() => requestAnimationFrame(() => times.push(performance.now() - at)));
  }).observe(room, { attributeFilter: ["data-shown"] });
}"""


def main() -> None:
    """Serve a studio in a process of its own, and measure it from outside."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("photos")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--axe", type=Path)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(given.model, given.photos, port), daemon=True)
    server.start()
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_there(address)
        measure_browser(address, given.axe)
        asyncio.run(measure_people(address, given.people, given.seconds, int(server.pid or 0)))
    finally:
        server.terminate()
        server.join(10)
    print(f"load {os.getloadavg()[0]:.2f} at the end")


def serve(model: str, photos: str, port: int) -> None:
    """The process of the server."""
    from maskwright.studio.serve import serve_studio

    serve_studio([model], data=[photos], port=port)


def wait_until_there(address: str) -> None:
    """Wait until the studio answers and its first model is warm."""
    for _ in range(300):
        try:
            found = httpx.get(f"{address}/api/studio").json()
            break
        except httpx.TransportError:
            time.sleep(0.2)
    model = found["models"][0]["id"]
    httpx.get(f"{address}/api/paint/model?model={model}", timeout=120)


def measure_browser(address: str, axe: Path | None) -> None:
    """Strokes, the first paint, and faults of accessibility."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{address}/#/paint")
        page.wait_for_selector(".paint[data-shown]")
        first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        weight = page.evaluate(
            "performance.getEntriesByType('resource').filter(one => one.name.includes('/page/'))"
            ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
        )
        print(f"first contentful paint {first:.0f} ms, scripts and styles {weight / 1000:.0f} kB")
        print_times("stroke to picture", draw_strokes(page))
        if axe is not None:
            for theme in ("light", "dark"):
                for width in (1280, 390):
                    check_access(browser, address, axe, theme, width)
        browser.close()


def draw_strokes(page: Page) -> list[float]:
    """Milliseconds from the press of a pointer to the picture, one stroke after another."""
    page.evaluate(WATCH)
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    chance = random.Random(0)
    for number in range(STROKES):
        if number % 10 == 0:
            page.get_by_role("button", name="Clear").click()
        page.mouse.move(
            box["x"] + box["width"] * chance.uniform(0.05, 0.95),
            box["y"] + box["height"] * chance.uniform(0.05, 0.95),
        )
        page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(450)
    return list(page.evaluate("times"))


def check_access(browser: Any, address: str, axe: Path, theme: str, width: int) -> None:
    """Print what axe-core finds serious or critical in each room."""
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=theme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#rooms a")
    for room in page.evaluate("[...document.querySelectorAll('#rooms a')].map(a => a.hash)"):
        page.goto(f"{address}/{room}")
        page.wait_for_timeout(1500)
        page.add_script_tag(path=str(axe))
        found = page.evaluate("axe.run()")["violations"]
        serious = [item for item in found if item["impact"] in ("serious", "critical")]
        for item in serious:
            print(f"  {item['id']}: {item['help']}: {item['nodes'][0]['html'][:100]}")
        print(f"axe, {room}, {theme}, {width} px: {len(serious)} serious of {len(found)} found")
    context.close()


async def measure_people(address: str, people: int, seconds: float, server: int) -> None:
    """Many people who paint at once, each with strokes faster than the answers."""
    headers = {"origin": address}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        found = (await client.get("/api/studio")).json()
        model = found["models"][0]["id"]
        shape = (await client.get(f"/api/paint/model?model={model}")).json()
        total = (await client.get("/api/pictures?count=1")).json()["total"]
        body = {"models": [model], "patches": shape["rows"] * shape["cols"], "total": total}
        await paint(client, body, "alone", time.monotonic() + 1)
        used = cpu_seconds(server)
        alone = [time for time, _ in await paint(client, body, "alone", time.monotonic() + 4)]
        print_times("server alone, one request after another", alone)
        # On a machine that others use too, this says what the server itself needs.
        used = 1000 * (cpu_seconds(server) - used) / len(alone)
        print(f"processor time of the server for each request {used:.0f} ms")
        before = memory(server)
        limit = time.monotonic() + seconds
        many = await asyncio.gather(
            *(hurry(client, body, f"page {number}", limit) for number in range(people))
        )
    answers = [answer for some in many for answer in some]
    print_times(f"{people} people at once", [time for time, status in answers if status == 200])
    by_status = {status: sum(s == status for _, s in answers) for _, status in answers}
    print(f"answers by status: {by_status} (409: dropped, since it was painted over)")
    print(f"memory of the server: {before:.0f} MB before, {memory(server):.0f} MB after")


async def paint(
    client: httpx.AsyncClient, body: dict[str, Any], page: str, limit: float
) -> list[tuple[float, int]]:
    """One request after another until the limit; milliseconds and status of each."""
    chance = random.Random(page)
    picture = f"d0-{chance.randrange(body['total'])}"
    answers = []
    while time.monotonic() < limit:
        answers.append(await ask(client, body, page, picture, chance))
    return answers


async def hurry(
    client: httpx.AsyncClient, body: dict[str, Any], page: str, limit: float
) -> list[tuple[float, int]]:
    """A stroke every tenth of a second, whether or not the last one is answered."""
    chance = random.Random(page)
    picture = f"d0-{chance.randrange(body['total'])}"
    under_way = []
    while time.monotonic() < limit:
        under_way.append(asyncio.create_task(ask(client, body, page, picture, chance)))
        await asyncio.sleep(0.1)
    return list(await asyncio.gather(*under_way))


async def ask(
    client: httpx.AsyncClient, body: dict[str, Any], page: str, picture: str, chance: random.Random
) -> tuple[float, int]:
    hidden = set(chance.sample(range(body["patches"]), body["patches"] // 2))
    mask = "".join("1" if at in hidden else "0" for at in range(body["patches"]))
    wanted = {"models": body["models"], "picture": picture, "mask": mask}
    begun = time.monotonic()
    headers = {"x-studio-page": page}
    answer = await client.post("/api/paint/fill", json=wanted, headers=headers)
    return 1000 * (time.monotonic() - begun), answer.status_code


def memory(process: int) -> float:
    """Resident megabytes of a process, where the machine says so."""
    path = Path(f"/proc/{process}/status")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS")]
    return found[0] if found else float("nan")


def cpu_seconds(process: int) -> float:
    """Processor time that a process has used, where the machine says so."""
    path = Path(f"/proc/{process}/stat")
    if not path.exists():
        return float("nan")
    # Behind the name in brackets; user and system time are the 14th and 15th of all.
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_times(what: str, times: list[float]) -> None:
    """Median and 95th percentile of milliseconds."""
    median, late = np.percentile(times, [50, 95])
    print(json.dumps({"what": what, "n": len(times), "median": round(median), "p95": round(late)}))


if __name__ == "__main__":
    main()
