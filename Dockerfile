# syntax=docker/dockerfile:1

FROM python:3.13-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Nothing comes in but what the locks name by its hash (`make lock` renews them), what builds the
# wheel included. A virtual environment is copied whole: no compiler, pip or cache in the image.
COPY requirements.lock requirements-build.lock ./
RUN pip install --require-hashes -r requirements-build.lock \
    && python -m venv /opt/gateway \
    && /opt/gateway/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY gateway gateway
COPY templates templates
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/gateway/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/gateway/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=8080
# The only place it writes to: docker run --read-only --volume gateway:/data
# Without a file, flips are kept in gateway.db here; with one, where its `store` says, beside the
# file unless that is absolute. Mount it as /data/config.yaml, or say store: sqlite:/data/gateway.db
VOLUME /data
WORKDIR /data
USER 10001
EXPOSE 8080
# The control listener answers /healthz; where it has been moved, override the check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9090/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gateway"]
CMD ["serve"]
