#!/bin/sh
# Installs the two servers that the example runs beside the app and the gateways, where apt is
# there and allowed. The example says what is missing otherwise.
set -u

missing=""
for program in redis-server haproxy; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
fi
exit 0
