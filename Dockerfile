# mcpfuzz in a container of its own: servers written in Python or Node run beside it, as a user without rights.
#   docker build -t mcpfuzz .
#   docker run --rm --network none -v "$PWD:/work" mcpfuzz run --workspace . -- python server.py
# A server's own packages come in a layer on top: FROM mcpfuzz, then its installation, as root, then USER mcpfuzz.
FROM python:3.12-slim

COPY pyproject.toml README.md LICENSE MANIFEST.in /src/
COPY mcpfuzz /src/mcpfuzz
COPY strategies /src/strategies
COPY scenarios /src/scenarios
COPY locustfiles /src/locustfiles
# an environment of its own: the server may need other versions of what mcpfuzz needs
RUN python -m venv /opt/mcpfuzz \
    && /opt/mcpfuzz/bin/python -m pip install --no-cache-dir "/src[schema]" \
    && ln -s /opt/mcpfuzz/bin/mcpfuzz /usr/local/bin/mcpfuzz \
    && rm -rf /src \
    && useradd --create-home --uid 10001 mcpfuzz

USER mcpfuzz
WORKDIR /work
# the working folder may be read-only, or another user's
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["mcpfuzz"]
CMD ["--help"]
