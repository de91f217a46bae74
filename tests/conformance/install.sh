#!/bin/sh
# Installs the other people's tools of make conformance, where apt and npm are there and allowed.
# What cannot be had is said plainly; its part is left out then. Python's come with pip.
set -u

pairs="slowhttptest:slowhttptest varnishtest:varnish h2load:nghttp2-client curl:curl nginx:nginx-light npm:npm"
missing=""
for pair in $pairs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing for the conformance tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null 2>&1
    for package in $missing; do # one by one: one that cannot be had takes no other with it
        apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1
    done
fi
for pair in $pairs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 ||
        echo "MISSING: no ${pair%%:*} here and it could not be installed (package ${pair#*:})"
done
exit 0
