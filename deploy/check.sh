#!/bin/sh
# Checks every manifest under deploy/, and the Dockerfile, as far as something here knows their
# published form. Works offline: the tools and the schemas they carry come with `pip install -e
# '.[dev]'`. One line for each manifest: what it is, and the command that looks at it.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=${BIN:-.venv/bin}
wrong=0

check() { # check WHAT COMMAND ARGS...: runs it, and tells of it only where it fails
    what=$1
    shift
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "SKIPPED: $what: no ${1##*/} here"
        return
    fi
    if ! said=$("$@" 2>&1); then
        printf 'WRONG: %s\n%s\n' "$what" "$said"
        wrong=1
    fi
    printf '%s\n' "$said" | grep '^SKIPPED'
}

# Shell and Dockerfile rules, with the reasons for what is let by in the files themselves.
check Dockerfile "$bin/hadolint" Dockerfile
check docker/app/Dockerfile "$bin/hadolint" deploy/docker/app/Dockerfile

# By the schema of the Compose specification.
check compose "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose/compose.yaml

# Rendered by kubectl, against Kubernetes' own schemas of several versions, in strict mode.
check Kubernetes "$bin/python" -m tests.support.manifests

# The alerts, what Prometheus is told of them, and when each of them comes.
promtool=$(command -v promtool || echo "${XDG_CACHE_HOME:-$HOME/.cache}/maintenance-gateway/prometheus/usr/bin/promtool")
check "Prometheus' settings" "$promtool" check config deploy/prometheus/prometheus.yml
check "the alerts" "$promtool" test rules deploy/prometheus/alerts_test.yaml

# The units as they are, but for the program, which is not installed here. 13 is an exposure of 1.3.
units() {
    copies=$(mktemp -d) || return 1
    trap 'rm -rf "$copies"' EXIT
    cp deploy/systemd/gateway.socket "$copies" &&
        sed 's|^ExecStart=/opt/gateway/bin/gateway |ExecStart=/bin/true |' \
            deploy/systemd/gateway.service >"$copies/gateway.service" &&
        "$1" verify --recursive-errors=no "$copies/gateway.service" "$copies/gateway.socket" &&
        "$1" security --offline=yes --threshold=13 "$copies/gateway.service"
}
if command -v systemd-analyze >/dev/null 2>&1; then
    check systemd units systemd-analyze
else
    echo "SKIPPED: systemd: no systemd-analyze here"
fi

[ "$wrong" = 0 ] && echo "deploy: every manifest is right"
exit "$wrong"
