#!/bin/sh
# Brings an engine that builds and runs images, where there is no Docker: Podman, rootful, and what
# makes stand-ins for base images that cannot be pulled.
set -u
docker info >/dev/null 2>&1 && exit 0
missing=""
for pair in podman:podman runc:runc netavark:netavark debootstrap:debootstrap busybox:busybox-static; do
    [ -x "/usr/lib/podman/${pair%%:*}" ] || command -v "${pair%%:*}" >/dev/null 2>&1 ||
        missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
echo "installing for the replay:$missing aardvark-dns conmon"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing aardvark-dns conmon iptables >/dev/null
