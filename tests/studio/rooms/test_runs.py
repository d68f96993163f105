"""The room of runs: the table, curves that go on, pictures of runs alone, and a browser on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.studio.rooms.run_folders import write_run


@pytest.fixture
def runs(studio_place: Path) -> Iterator[Path]:
    """The folder of runs with two in it, for one test."""
    folder = studio_place / "runs"
    write_run(folder / "one")
    write_run(folder / "deep" / "two", ratio=0.5, state="finished")
    yield folder
    for path in folder.iterdir():
        shutil.rmtree(path)


def test_the_table_has_every_run_and_comes_once(client: TestClient, runs: Path) -> None:
    found = client.get("/api/runs/list").json()
    rows = {row["run"]: row for row in found["rows"]}
    assert set(rows) == {"one", "deep/two"}
    assert rows["one"]["state"] == "running"
    assert (rows["one"]["loss"], rows["one"]["val_loss"], rows["one"]["knn"]) == (
        0.333333,
        0.4,
        0.25,
    )
    assert rows["one"]["baseline"] == 0.8
    same = client.get(f"/api/runs/list?version={found['version']}").json()
    assert same["rows"] is None
    with (runs / "one" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "loss": 0.1}\n')
    again = client.get(f"/api/runs/list?version={found['version']}").json()
    assert {row["run"]: row["loss"] for row in again["rows"]}["one"] == 0.1


def test_curves_go_on_where_they_were(client: TestClient, runs: Path) -> None:
    def ask(position: str) -> dict[str, Any]:
        body = {"runs": [{"run": "one", "position": position}], "names": ["loss", "val_loss"]}
        return client.post("/api/runs/curves", json=body).json()["runs"][0]

    first = ask("")
    assert first["curves"]["loss"][0] == [1, 1.0]
    assert first["curves"]["val_loss"] == [[3, 0.4]]
    assert first["whole"]
    with (runs / "one" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "loss": 0.2}\n')
    more = ask(first["position"])
    assert (more["curves"], more["whole"]) == ({"loss": [[4, 0.2]]}, False)


def test_settings_that_differ_and_pictures(client: TestClient, runs: Path) -> None:
    found = client.get("/api/runs/differences?run=one&run=deep/two").json()
    assert found["names"] == ["ratio"]
    assert [row["settings"]["ratio"] for row in found["rows"]] == [0.75, 0.5]
    detail = client.get("/api/runs/detail?run=one").json()
    assert detail["pictures"]["samples"] == ["samples/epoch_0001.png", "samples/epoch_0003.png"]
    picture = client.get("/api/runs/picture?run=one&file=samples/epoch_0003.png")
    assert picture.headers["content-type"] == "image/png"


def test_nothing_outside_and_nothing_else_is_given(client: TestClient, runs: Path) -> None:
    (runs.parent / "secret.png").write_bytes(b"secret")
    (runs / "one" / "masks").mkdir()
    (runs / "one" / "masks" / "link.png").symlink_to(runs.parent / "secret.png")
    for query in (
        "run=one&file=run.json",
        "run=one&file=../../secret.png",
        "run=one&file=masks/link.png",
        "run=..&file=secret.png",
        "run=/etc&file=passwd",
    ):
        answer = client.get(f"/api/runs/picture?{query}")
        assert answer.status_code == 400, query
        assert b"secret" not in answer.content.replace(b"secret.png", b"")
    for body in (
        {"runs": [{"run": "..", "position": ""}], "names": []},
        {"runs": [3], "names": []},
        {"runs": [{"run": "one", "position": ""}] * 9, "names": []},
    ):
        assert client.post("/api/runs/curves", json=body).status_code == 400


def test_a_live_curve_moves_and_reads_by_keyboard(
    page: Any, studio_address: str, runs: Path
) -> None:
    page.goto(f"{studio_address}/#/runs?runs=one")
    line = page.locator(".stage polyline").first
    line.wait_for()
    before = line.get_attribute("points")
    with (runs / "one" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "loss": 0.05}\n')
    page.wait_for_function(
        "before => document.querySelector('.stage polyline').getAttribute('points') !== before",
        arg=before,
    )
    page.locator(".stage").focus()
    page.keyboard.press("End")
    assert page.locator(".readout").inner_text() == "step 8: one 0.05, one, held out 0.4"
    page.get_by_role("searchbox").fill("ratio<0.6")
    assert page.locator("tbody tr").filter(visible=True).locator("th label").all_inner_texts() == [
        "deep/two"
    ]


def test_a_thousand_rows_sort_and_are_searched(page: Any, studio_address: str) -> None:
    # The table alone, with rows made in the page: a thousand folders would take long to write.
    page.goto(f"{studio_address}/#/runs")
    page.get_by_role("heading", name="Runs").wait_for()
    found = page.evaluate(
        """async () => {
          const { dataTable } = await import("/page/table.js");
          const table = dataTable({ label: "Many", key: "run", sort: { name: "run", isUp: true },
            columns: [{ name: "loss", title: "loss", number: true }], isChosen: () => false });
          document.getElementById("room").append(table.element);
          const made = (_, at) => ({ run: `r${at}`, loss: at % 37 });
          table.setRows(Array.from({ length: 1000 }, made));
          table.element.querySelector("th:nth-child(2) button").click();
          table.search("loss=36");
          const count = () => table.element.querySelectorAll("tbody th").length;
          const found = [count()];
          table.search("");
          found.push(count());
          table.element.querySelector("td button").click();
          return [...found, count(), table.element.querySelector("tbody td").textContent];
        }"""
    )
    # Runs with a loss of 36; then the first of all, and all, the largest loss first.
    assert found == [27, 200, 1000, "36"]
