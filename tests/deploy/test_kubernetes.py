"""The Kubernetes manifests: right by the schemas, by each other, and by the gateway's own check."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import __version__
from gateway.core.durations import parse_duration
from tests.support.manifests import FOLDER, JOBS, WAYS, NoKubectl, errors, read, render
from tests.support.pods import Volume, named, of_kind, sleep
from tests.support.servers import BIN

Document = dict[str, Any]
README = (FOLDER / "README.md").read_text()
KUBERNETES_DEFAULTS = 30  # seconds that a pod has to end, unless it says so


@pytest.fixture(params=WAYS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return rendered(request.param)


def rendered(way: str) -> list[Document]:
    try:
        return render(FOLDER / "try" / way)
    except NoKubectl as error:
        pytest.skip(str(error))


def pods(documents: list[Document]) -> Iterator[Document]:
    """Every pod that they make: labels and spec."""
    for each in documents:
        if each["kind"] == "CronJob":
            yield each["spec"]["jobTemplate"]["spec"]["template"]
        elif "template" in each.get("spec", {}):
            yield each["spec"]["template"]


def containers(documents: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Each container, with its pod's spec."""
    for pod in pods(documents):
        for each in pod["spec"]["containers"]:
            yield pod["spec"], each


def selected(documents: list[Document], labels: Document) -> list[Document]:
    return [pod for pod in pods(documents) if labels.items() <= pod["metadata"]["labels"].items()]


def ports(pod: Document) -> set[str]:
    return {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}


def env(container: Document) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def gateway_of(documents: list[Document]) -> tuple[Document, Document]:
    """The gateway's container, with its pod's spec."""
    (found,) = (pair for pair in containers(documents) if pair[1]["name"] == "gateway")
    return found


def test_every_manifest_is_right_by_kubernetes_schemas(documents: list[Document]) -> None:
    assert [error for each in documents for error in errors(each)] == []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_every_job_is_right_by_kubernetes_schemas(job: Path) -> None:
    assert [error for each in read(job) for error in errors(each)] == []


def test_a_slip_of_the_pen_is_found_by_the_schemas() -> None:
    (job,) = read(FOLDER / "guard/job.yaml")
    wrong = copy.deepcopy(job)
    wrong["spec"]["template"]["spec"]["containers"][0]["comand"] = ["true"]
    assert any("comand" in error for error in errors(wrong))


def test_every_container_has_its_bounds_and_no_privileges(documents: list[Document]) -> None:
    for pod, each in containers([*documents, *(one for job in JOBS for one in read(job))]):
        name = each["name"]
        assert {"cpu", "memory"} <= each["resources"]["requests"].keys(), name
        assert "memory" in each["resources"]["limits"], name
        assert re.search(r":\d[\w.-]*$", each["image"]), name
        security = {**pod.get("securityContext", {}), **each["securityContext"]}
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not any("subPath" in mount for mount in each.get("volumeMounts", ()))


def test_every_server_is_probed_by_a_port_of_its_own(documents: list[Document]) -> None:
    for _, each in containers(documents):
        own = {port["name"] for port in each["ports"]}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = each[kind]
            asked = probe.get("httpGet") or probe.get("tcpSocket")
            assert asked is None or asked["port"] in own, (each["name"], kind)
        assert each["livenessProbe"] != each["readinessProbe"]


def test_only_what_ends_this_pod_alone_takes_a_gateway_out_of_service(
    documents: list[Document],
) -> None:
    _, gateway = gateway_of(documents)
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/readyz?for=traffic"
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_every_service_leads_to_a_port_that_its_pods_have(documents: list[Document]) -> None:
    services = list(of_kind(documents, "Service"))
    assert services
    for service in services:
        chosen = selected(documents, service["spec"]["selector"])
        assert chosen, service["metadata"]["name"]
        for pod in chosen:
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports(pod)


def test_policies_and_budgets_are_about_pods_that_are_there(documents: list[Document]) -> None:
    for policy in of_kind(documents, "NetworkPolicy"):
        for pod in selected(documents, policy["spec"]["podSelector"]["matchLabels"]):
            for rule in policy["spec"]["ingress"]:
                assert {port["port"] for port in rule.get("ports", ())} <= ports(pod)
    for budget in of_kind(documents, "PodDisruptionBudget"):
        labels = budget["spec"]["selector"]["matchLabels"]
        (workload,) = (
            each
            for each in of_kind(documents, "Deployment")
            if labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()
        )
        assert workload["spec"]["selector"]["matchLabels"] == labels
        assert workload["spec"]["replicas"] > budget["spec"]["maxUnavailable"]


def test_a_rollout_takes_no_replica_away_before_another_is_there(
    documents: list[Document],
) -> None:
    for each in of_kind(documents, "Deployment"):
        assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert each["spec"]["replicas"] > 1


def test_visitors_reach_the_gateway_and_callers_the_control_plane(
    documents: list[Document],
) -> None:
    policy = named(documents, "NetworkPolicy", "gateway")
    public, control = policy["spec"]["ingress"]
    assert (public["ports"], "from" in public) == ([{"port": "gateway"}], False)
    assert control["ports"] == [{"port": "control"}]
    caller = control["from"][0]["podSelector"]["matchLabels"]
    for pod in pods([each for job in JOBS for each in read(job)]):
        assert caller.items() <= pod["metadata"]["labels"].items()


def test_beside_the_app_the_service_leads_to_the_gateway() -> None:
    found = rendered("sidecar")
    assert named(found, "Service", "app")["spec"]["ports"][0]["targetPort"] == "gateway"
    pod, _ = gateway_of(found)
    assert [each["name"] for each in pod["containers"]] == ["app", "gateway"]
    assert "initContainers" not in pod  # ends before the app: docs/decisions/0022


def test_in_front_of_the_app_only_the_gateway_may_call_it() -> None:
    found = rendered("deployment")
    policy = named(found, "NetworkPolicy", "app-behind-gateway")
    (app,) = selected(found, policy["spec"]["podSelector"]["matchLabels"])
    assert ports(app) == {"http"}
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"] == {"maintenance-gateway": "member"}


def test_every_pod_has_the_time_it_takes_to_end(documents: list[Document]) -> None:
    pod, gateway = gateway_of(documents)
    told = env(gateway)
    takes = sleep(gateway) + sum(
        parse_duration(told[f"GATEWAY_TIMEOUTS_{name}"]) for name in ("LINGER", "SHUTDOWN")
    )
    grace = pod["terminationGracePeriodSeconds"]
    assert grace > takes + 1
    for other in pod["containers"]:
        if other is not gateway:  # the app beside it: told once the gateway has ended
            assert sleep(other) >= takes + 1
            assert grace >= sleep(other) + KUBERNETES_DEFAULTS


def test_both_ways_run_the_same_container() -> None:
    one, other = (gateway_of(rendered(way))[1] for way in WAYS)
    differ = {"GATEWAY_UPSTREAM", "GATEWAY_TIMEOUTS_SHUTDOWN"}
    one_env, other_env = env(one), env(other)
    assert one_env.keys() == other_env.keys()
    assert {name for name in one_env if one_env[name] != other_env[name]} == differ
    for key in one.keys() - {"env", "securityContext"}:
        assert one[key] == other[key], key


def test_the_configuration_keeps_its_name_so_that_edits_are_followed(
    documents: list[Document],
) -> None:
    named(documents, "ConfigMap", "gateway")
    pod, _ = gateway_of(documents)
    assert {"name": "gateway-config", "configMap": {"name": "gateway"}}.items() <= next(
        each.items() for each in pod["volumes"] if each["name"] == "gateway-config"
    )


def test_no_secret_is_in_the_manifests(documents: list[Document]) -> None:
    assert list(of_kind(documents, "Secret")) == []
    keys = set(re.findall(r"--from-literal=([\w-]+)=", README))
    assert keys == {"control-token", "redis-password", "store"}
    wanted = {item["key"] for pod, _ in containers(documents) for item in _items(pod)}
    assert wanted <= keys


def _items(pod: Document) -> Iterator[Document]:
    for volume in pod.get("volumes", ()):
        yield from volume.get("secret", {}).get("items", ())


def test_the_gateway_takes_its_configuration(documents: list[Document], tmp_path: Path) -> None:
    _, gateway = gateway_of(documents)
    config = named(documents, "ConfigMap", "gateway")["data"]
    secret = {"control-token": "0123456789abcdef", "store": "redis://:x@gateway-redis:6379/0\n"}
    mounts = {"/etc/gateway": Volume(tmp_path / "config", config)}
    mounts["/etc/gateway-secret"] = Volume(tmp_path / "secret", secret)
    told = {}
    for name, value in env(gateway).items():
        folder, _, file = value.rpartition("/")
        told[name] = str(mounts[folder].folder / file) if folder in mounts else value
    checked = subprocess.run(
        [BIN / "gateway", "check"],
        env=told,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr
    assert "0.0.0.0:9090" in checked.stdout


def test_the_schedule_runs_what_the_job_runs() -> None:
    (job,), (schedule,) = read(FOLDER / "guard/job.yaml"), read(FOLDER / "guard/cron-job.yaml")
    assert schedule["spec"]["jobTemplate"]["spec"] == job["spec"]
    assert schedule["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["backoffLimit"] == 0


def test_prometheus_finds_the_control_plane() -> None:
    (monitor,) = read(FOLDER / "monitoring/service-monitor.yaml")
    control = named(rendered("deployment"), "Service", "gateway-control")
    labels = monitor["spec"]["selector"]["matchLabels"]
    assert labels.items() <= control["metadata"]["labels"].items()
    (end,) = monitor["spec"]["endpoints"]
    assert end["port"] in {port["name"] for port in control["spec"]["ports"]}


def test_the_image_is_of_this_version() -> None:
    for path in FOLDER.rglob("*.yaml"):
        for tag in re.findall(r"image: maintenance-gateway:(\S+)", path.read_text()):
            assert tag == __version__, path


def test_the_page_s_own_kustomizations_render(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", README, re.DOTALL)
    assert len(blocks) == len(WAYS)
    for way, block in zip(WAYS, blocks, strict=True):
        folder = tmp_path / way
        shutil.copytree(FOLDER, folder / "kubernetes")
        (folder / "config.yaml").write_text("flags: {site: {}}\n")
        app = [(FOLDER / "app" / f"{kind}.yaml").read_text() for kind in ("deployment", "service")]
        (folder / "app.yaml").write_text("---\n".join(app))
        (folder / "kustomization.yaml").write_text(block)
        try:
            found = render(folder)
        except NoKubectl as error:
            pytest.skip(str(error))
        assert [error for each in found for error in errors(each)] == []
        _, gateway = gateway_of(found)
        if way == "deployment":
            assert env(gateway)["GATEWAY_UPSTREAM"] == "http://shop:8000"
            assert len(gateway["env"]) == len(gateway_of(rendered(way))[1]["env"])
            assert gateway["image"] == f"registry.example.com/maintenance-gateway:{__version__}"
            config = named(found, "ConfigMap", "gateway")["data"]["config.yaml"]
            assert config == "flags: {site: {}}\n"


def test_the_page_names_files_and_folders_that_are_there() -> None:
    for name in re.findall(r"deploy/kubernetes/[\w/.-]+", README):
        assert (FOLDER.parents[1] / name).exists(), name
    for name in re.findall(r"\]\(([\w/.-]+)\)", README):
        assert (FOLDER / name).exists(), name


def test_every_file_is_used_by_a_kustomization_or_named_by_the_page() -> None:
    for path in FOLDER.rglob("*.yaml"):
        if path.name != "kustomization.yaml":
            listed = path.parent / "kustomization.yaml"
            text = listed.read_text() if listed.exists() else README
            assert path.name in text, path
    assert yaml.safe_load((FOLDER / "base/config.yaml").read_text())["flags"]
