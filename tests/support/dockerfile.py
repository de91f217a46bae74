"""A Dockerfile as its instructions, read as Docker does as far as ours go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """``RUN``, ``COPY`` and so on, with all that follows it, on one line."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of an exec form (JSON), or of plain text. Options (``--from=x``) included."""
        found = re.search(r"\[.*\]$", self.text)
        return list(json.loads(found[0])) if found else self.text.split()

    @property
    def is_exec_form(self) -> bool:
        return self.text.endswith("]")


def read_dockerfile(path: Path) -> list[Instruction]:
    """The instructions, in order."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    parts = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [Instruction(name.upper(), text.strip()) for name, _, text in parts]


def last_stage(instructions: list[Instruction]) -> list[Instruction]:
    """Those that make the image: from the last ``FROM`` on."""
    starts = [at for at, each in enumerate(instructions) if each.name == "FROM"]
    return instructions[starts[-1] :]
