# syntax=docker/dockerfile:1

# To build the same image again years from now, name the bases by their digests:
#   docker build --build-arg PYTHON=python:3.13-slim-trixie@sha256:... --build-arg BASE=...
ARG PYTHON=python:3.13-slim-trixie
ARG BASE=debian:trixie-slim

# hadolint ignore=DL3006
FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Nothing comes in but what the locks name by its hash (`make lock` renews them), what builds the
# image included. /opt/gateway has a Python of its own, into which the pip of out here installs, so
# that it has none. It stands alone: COPY --from=... /opt/gateway adopts it in any other image.
COPY requirements.lock requirements-build.lock deploy/docker/stand-alone.sh ./
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --require-hashes -r requirements-build.lock \
    && sh stand-alone.sh python /opt/gateway \
    && pip --python /opt/gateway/python/bin/python3 install --no-compile \
        --require-hashes -r requirements.lock \
    && sh stand-alone.sh libraries /opt/gateway
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY gateway gateway
COPY templates templates
# -I: neither the environment of an app's image nor the folder that it starts in has a say in what
# is imported. The bytecode is made now, as the root will be read-only, and owes nothing to the
# times of files or to chance, so that it is the same each time.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/gateway/python/bin/python3 install --no-compile --no-deps \
        --no-index /wheels/*.whl \
    && sed '1s|.*|#!/opt/gateway/python/bin/python3 -I|' /opt/gateway/python/bin/gateway \
        >/opt/gateway/bin/gateway \
    && chmod 755 /opt/gateway/bin/gateway \
    && find /opt/gateway/python/bin -type f ! -name python3 -delete \
    && PYTHONHASHSEED=0 /opt/gateway/python/bin/python3 -m compileall -q -f \
        --invalidation-mode unchecked-hash /opt/gateway/python/lib

# hadolint ignore=DL3006
FROM ${BASE}
LABEL org.opencontainers.image.title="Maintenance gateway" \
      org.opencontainers.image.description="A reverse proxy that puts a running site into maintenance, whole or in part, without a change to the application." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /opt/gateway /opt/gateway
RUN ln -s /opt/gateway/python/bin/python3 /usr/local/bin/python \
    && groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --home-dir /data --create-home --shell /usr/sbin/nologin gateway
ENV PATH=/opt/gateway/bin:$PATH \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PORT=8080
# The only place it writes to: docker run --read-only --volume gateway:/data
# Without a file, flips are kept in gateway.db here; with one, where its `store` says, beside the
# file unless that is absolute. Mount it as /data/config.yaml, or say store: sqlite:/data/gateway.db
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 8080
# Asks wherever the configuration puts the control plane.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["gateway", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gateway"]
CMD ["serve"]
