#!/bin/sh
# Installs the real servers that some tests talk to, where apt is there and allowed. What
# cannot be had is said plainly; the tests that need it then skip, each naming it.
set -u

# Both lines of Express, asked in tests/scope what they make of a request, and axe-core, which looks
# at pages as somebody with a screen reader has to.
modules="${XDG_CACHE_HOME:-$HOME/.cache}/maintenance-gateway/node"
if [ ! -d "$modules/node_modules/express4" ] && command -v npm >/dev/null 2>&1; then
    echo "installing for the tests: express"
    mkdir -p "$modules"
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "$modules" \
        express@5 express4@npm:express@4 cookie-parser@1 >/dev/null 2>&1
fi
[ -d "$modules/node_modules/express4" ] ||
    echo "SKIPPED: no node with Express here and it could not be installed; tests that need it are skipped"

if [ ! -f "$modules/node_modules/axe-core/axe.min.js" ] && command -v npm >/dev/null 2>&1; then
    echo "installing for the tests: axe-core"
    mkdir -p "$modules"
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "$modules" \
        axe-core@4 >/dev/null 2>&1
fi
[ -f "$modules/node_modules/axe-core/axe.min.js" ] ||
    echo "SKIPPED: no axe-core here and it could not be installed; tests that need it are skipped"

missing=""
for pair in redis-server:redis-server nginx:nginx-light haproxy:haproxy chromium:chromium; do
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
for pair in redis-server:redis-server nginx:nginx-light haproxy:haproxy chromium:chromium; do
    program=${pair%%:*}
    command -v "$program" >/dev/null 2>&1 ||
        echo "SKIPPED: no $program here and it could not be installed; tests that need it are skipped"
done
exit 0
