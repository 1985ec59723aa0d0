# One image per program: docker build --build-arg PROGRAM=gateway|calculator|search|files|crm .
# EXTRAS are further ones of pyproject.toml; search by meaning, also by an endpoint, needs `embeddings`.
# It runs as nobody in particular, needs to write nowhere but /data, and holds no secret: those are mounted.
FROM python:3.11-slim AS build
ARG PROGRAM=gateway
ARG EXTRAS=jwt,otel
WORKDIR /src
COPY . .
RUN python -m venv /app \
 && /app/bin/pip install --no-cache-dir -c constraints.txt ".[${PROGRAM},${EXTRAS}]"

FROM python:3.11-slim
ARG PROGRAM=gateway
ENV PATH=/app/bin:$PATH PROGRAM=${PROGRAM} TOOLWARD_HOME=/data \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TOOLWARD_LOG_FORMAT=json
RUN useradd --uid 10001 --no-create-home toolward && mkdir -m 700 /data && chown toolward /data
COPY --from=build /app /app
COPY deploy/start /usr/local/bin/start
USER 10001
VOLUME /data
EXPOSE 8700 8701
# Of a server that speaks TLS the orchestrator must ask itself: this question goes over plain HTTP.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
  python -c "import os,urllib.request as r; r.urlopen('http://127.0.0.1:'+os.environ.get('PORT','8700')+'/readyz')"
ENTRYPOINT ["start"]
