"""The dashboard of deploy/grafana: as Grafana's own types have it. No Grafana runs here."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

FILE = Path(__file__).parents[2] / "deploy" / "grafana" / "maintenance-gateway.json"
WIDTH = 24  # columns of a dashboard
# What the Prometheus data source reads of an annotation; the types are of every data source.
OF_PROMETHEUS = {"step", "titleFormat", "tagKeys"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard()["panels"]
    return found


def lost(written: Any, read: Any, where: str = "") -> set[str]:
    """Where ``read`` has not what was ``written``."""
    if isinstance(written, dict) and isinstance(read, dict):
        gone = {f"{where}.{key}" for key in written.keys() - read.keys()}
        both = written.keys() & read.keys()
        return gone.union(*(lost(written[key], read[key], f"{where}.{key}") for key in both))
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = zip(written, read, strict=True)
        return set().union(
            *(lost(one, other, f"{where}.{n}") for n, (one, other) in enumerate(pairs))
        )
    return set() if written == read else {where}


def test_grafana_knows_every_key_of_the_dashboard_and_of_its_panels() -> None:
    register_default_plugins()
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard())))
    unknown = lost(dashboard(), read)
    assert {each for each in unknown if each.rpartition(".")[2] not in OF_PROMETHEUS} == set()
    assert {each.split(".")[1] for each in unknown} == {"annotations"}


def test_a_key_that_grafana_does_not_know_is_found() -> None:
    register_default_plugins()
    wrong = dashboard()
    wrong["panels"][1]["options"]["colourMode"] = "none"
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(wrong)))
    assert ".panels.1.options.colourMode" in lost(wrong, read)


def test_whoever_imports_it_chooses_the_data_source() -> None:
    sources = [each["datasource"] for each in panels() if each["type"] != "row"]
    sources += [target["datasource"] for each in panels() for target in each.get("targets", ())]
    sources += [each["datasource"] for each in dashboard()["annotations"]["list"]]
    assert {each["uid"] for each in sources} == {"${datasource}"}
    assert dashboard()["templating"]["list"][0]["type"] == "datasource"
    assert "id" not in dashboard()  # which would be that of somebody's Grafana


def test_every_panel_says_what_it_shows() -> None:
    shown = [each for each in panels() if each["type"] != "row"]
    assert len(shown) > 20
    assert all(each["title"] and each["description"].endswith(".") for each in shown)
    assert len({each["id"] for each in panels()}) == len(panels())


def test_panels_fill_each_line_and_do_not_overlap() -> None:
    places = [each["gridPos"] for each in panels()]
    lines = {place["y"]: [each for each in places if each["y"] == place["y"]] for place in places}
    for line in lines.values():
        assert sum(each["w"] for each in line) == WIDTH
        assert [each["x"] for each in line[1:]] == [each["x"] + each["w"] for each in line[:-1]]
        assert len({each["h"] for each in line}) == 1
    for above, below in pairwise(sorted(lines)):
        assert above + lines[above][0]["h"] == below
