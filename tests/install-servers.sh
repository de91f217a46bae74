#!/bin/sh
# Installs the real servers that some tests talk to, where apt is there and allowed. What
# cannot be had is said plainly; the tests that need it then skip, each naming it.
set -u

missing=""
for pair in redis-server:redis-server nginx:nginx-light chromium:chromium; do
    program=${pair%%:*}
    package=${pair#*:}
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
fi
for pair in redis-server:redis-server nginx:nginx-light chromium:chromium; do
    program=${pair%%:*}
    command -v "$program" >/dev/null 2>&1 ||
        echo "SKIPPED: no $program here and it could not be installed; tests that need it are skipped"
done
exit 0
