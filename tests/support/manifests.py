"""The Kubernetes manifests as a cluster gets them: rendered by kubectl, held to the schemas.

``python -m tests.support.manifests`` says what is wrong with them; `make check` runs it.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
WAYS = ("deployment", "sidecar")
JOBS = tuple(sorted((FOLDER / "guard").glob("*.yaml")))
VERSIONS = ("1.30", "1.33", "1.37")  # the first that has all we use, and newer ones
MISSING = "no kubectl here that knows components; tests/install-servers.sh fetches one"

Document = dict[str, Any]


class NoKubectl(Exception):  # noqa: N818 the absence of a tool, not a failure of one
    """There is no kubectl, or only one of before 1.21."""


@functools.cache
def kubectl() -> str:
    """A kubectl whose kustomize knows components (4.0); raises NoKubectl."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    for found in (shutil.which("kubectl"), str(cache / "maintenance-gateway/kubectl")):
        if found and Path(found).exists() and "kustomizeVersion" in _version(found):
            return found
    raise NoKubectl(MISSING)


@functools.cache
def _rendered(folder: Path) -> str:
    command = [kubectl(), "kustomize", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def render(folder: Path) -> list[Document]:
    """What ``kubectl apply -k`` sends; fails with kubectl's own words."""
    return list(yaml.safe_load_all(_rendered(folder)))


def read(path: Path) -> list[Document]:
    """A manifest as it is written."""
    return list(yaml.safe_load_all(path.read_text()))


def errors(document: Document) -> Iterator[str]:
    """What the schemas of each of VERSIONS have against it, unknown fields included."""
    if document["kind"] == "ServiceMonitor":  # of an operator, whose schemas no package carries
        return
    name = f"{document['kind']} {next(iter(document['metadata'].values()))}"
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except (
            kubernetes_validate.ValidationError,
            kubernetes_validate.SchemaNotFoundError,
        ) as error:
            where = "/".join(map(str, getattr(error, "absolute_path", ())))
            yield f"{name}: {where}: {error.message} (Kubernetes {version})"


def _version(program: str) -> str:
    command = [program, "version", "--client", "-o", "json"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    try:
        return json.dumps(json.loads(told))
    except json.JSONDecodeError:
        return ""


def main() -> int:
    documents = [each for job in JOBS for each in read(job)]
    try:
        documents += [each for way in WAYS for each in render(FOLDER / "try" / way)]
    except NoKubectl as error:
        sys.stdout.write(f"SKIPPED: Kubernetes: {error}\n")
    except subprocess.CalledProcessError as error:
        sys.stdout.write(error.stderr)
        return 1
    wrong = [line for each in documents for line in errors(each)]
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
