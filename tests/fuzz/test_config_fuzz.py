from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from gateway.config import ConfigErrors, load

EXAMPLE = (Path(__file__).parents[2] / "config.example.yaml").read_text("utf-8")
PIECES = ["null", "~", "[]", "{}", "yes", "${A}", "${A:-b}", "${", "$${", "'", '"', "- ", "? ",
          "&a ", "*a", "<<: ", "!x ", "!!int ", "\t", ": ", "#", "-1", ".nan", "|", "\n  ", "{",
          "}", "[", "]", ",", "%", "@", "\\", "é", "\ufeff", "\u2028", "/..", "~ (", "= ", "unix:",
          "user: x", "2001-01-01", '"\\e"', '"\\0"', "x" * 300]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_config_is_read_or_refused_and_nothing_else(tmp_path, seed):
    random = Random(seed)
    path = tmp_path / "config.yaml"
    for _ in range(50):
        path.write_text(damaged(random))
        found = errors_of(path, random.choice(["", "x", "[a]", "5"]))
        assert all(line.isprintable() for line in found)


def errors_of(path: Path, variable: str) -> list[str]:
    try:
        load(path, {"A": variable})
    except ConfigErrors as errors:
        return [str(error) for error in errors.errors]
    return []


def damaged(random: Random) -> str:
    text = EXAMPLE
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(text))
        other = random.randrange(len(text))
        text = random.choice([
            text[:at] + random.choice(PIECES) + text[at + random.choice([0, 1, 5]) :],
            text[:at] + text[at + random.randint(1, 30) :],
            text[:at] + text[other : other + random.randint(1, 60)] + text[at:],
            text[:at] + chr(random.randrange(1, 0x2100)) + text[at + 1 :],
        ])  # fmt: skip
    return text
