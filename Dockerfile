# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/wardwatch
COPY requirements-run.lock ./
RUN /opt/wardwatch/bin/pip install --no-cache-dir --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE wardwatch.py ./
COPY schemas schemas
COPY models models
COPY streams streams
COPY simulators simulators
COPY dashboard dashboard
COPY commands commands
RUN /opt/wardwatch/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/wardwatch --create-home wardwatch
COPY --from=build /opt/wardwatch /opt/wardwatch
ENV PATH=/opt/wardwatch/bin:$PATH PYTHONUNBUFFERED=1 WARDWATCH_DATA_DIR=/var/lib/wardwatch
USER wardwatch
WORKDIR /var/lib/wardwatch
VOLUME /var/lib/wardwatch
ENTRYPOINT ["wardwatch"]
CMD ["--help"]
