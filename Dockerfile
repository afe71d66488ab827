# Parley as an image: docker build -t parley .
# The exact versions of the lock file, checked by their hashes; built in one stage, run in another that has no tools.
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS build
WORKDIR /app
COPY requirements/app.lock requirements/app.lock
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --no-input --disable-pip-version-check \
        --require-hashes -r requirements/app.lock
COPY pyproject.toml README.md LICENSE ./
COPY actions actions
COPY bots bots
COPY campaigns campaigns
COPY config config
COPY console console
COPY crm_store crm_store
COPY nlu nlu
COPY pages pages
COPY parley parley
# Compiled as the server loads it (parley/lean.py) and as commands do; what only built it stays behind.
RUN .venv/bin/python -m pip install --no-input --disable-pip-version-check --no-deps --no-build-isolation \
        --editable . \
    && .venv/bin/python -OO -m parley.compiling \
    && .venv/bin/python -m compileall -q actions bots campaigns config console crm_store nlu pages parley \
    && .venv/bin/python -m pip uninstall --yes hatchling editables pip setuptools

FROM python:${PYTHON}
# pg_dump and pg_restore are what `parley db backup` and `restore` call.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && python -m pip uninstall --yes pip setuptools wheel \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin parley \
    && install --directory --owner=parley /data
COPY --from=build /app /app
COPY deploy/parley.toml /etc/parley/parley.toml
COPY config/bot /etc/parley/bot
ENV PATH=/app/.venv/bin:$PATH \
    PARLEY_CONFIG=/etc/parley/parley.toml \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER parley
WORKDIR /data
VOLUME /data
EXPOSE 8000
# The first start trains the bot, which takes seconds to a minute.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["parley"]
CMD ["run", "--host", "0.0.0.0", "--port", "8000"]
