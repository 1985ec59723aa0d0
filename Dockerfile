# One image per program: docker build --build-arg PROGRAM=gateway|calculator|search|files|crm .
FROM python:3.11-slim AS build
ARG PROGRAM=gateway
WORKDIR /src
COPY . .
RUN python -m venv /app \
 && /app/bin/pip install --no-cache-dir -c constraints.txt ".[${PROGRAM}]"

FROM python:3.11-slim
ARG PROGRAM=gateway
ENV PATH=/app/bin:$PATH PROGRAM=${PROGRAM} TOOLWARD_HOME=/data PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home toolward && mkdir /data && chown toolward /data
COPY --from=build /app /app
COPY deploy/start /usr/local/bin/start
USER toolward
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s CMD \
  python -c "import os,urllib.request as r; r.urlopen('http://127.0.0.1:'+os.environ.get('PORT','8700')+'/healthz')"
ENTRYPOINT ["start"]
