#!/bin/sh
# Installs what the bench measures with and against, where apt is there and allowed. What
# cannot be had is said plainly; the bench leaves that column out. Caddy is a PyPI package,
# aiohttp a dependency.
set -u

pairs="wrk:wrk nginx:nginx-light haproxy:haproxy"
missing=""
for pair in $pairs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing for the bench:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word a package
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
    # Packages start their servers; the bench starts its own, on free ports.
    for service in nginx haproxy; do
        case "$missing" in *$service*) service $service stop >/dev/null 2>&1 ;; esac
    done
fi
for pair in $pairs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 ||
        echo "MISSING: no ${pair%%:*} here and it could not be installed (package ${pair#*:})"
done
exit 0
