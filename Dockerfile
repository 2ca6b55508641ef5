# docker build -t earprint .
# docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --init \
#     -p 127.0.0.1:8000:8000 -v earprint:/data -e EARPRINT_TOKEN=... earprint
#
# Nothing is fetched that the locks do not name with its hash. `make image-check` runs the same steps without Docker.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock requirements-serve.lock ./
RUN python -m venv /build/env && /build/env/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --require-hashes -r requirements-serve.lock
COPY pyproject.toml README.md LICENSE earprint.py ./
COPY cli cli
COPY core core
COPY stream stream
COPY web web
RUN /build/env/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheel .
RUN /app/bin/pip install --no-deps --no-index wheel/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home earprint && install -d -o earprint -g earprint /data
COPY --from=build /app /app
# The root file system is read-only: what is compiled at the first start, which says so, goes into the data's volume.
ENV PATH=/app/bin:$PATH EARPRINT_DATA=/data NUMBA_CACHE_DIR=/data/compiled PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=2m CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=3)"]
# In a container all addresses are public ones: without EARPRINT_TOKEN this refuses to start; add --open to let everybody in.
CMD ["earprint", "serve", "--host", "0.0.0.0"]
