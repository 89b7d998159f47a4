# The API or a worker. Environment variables name the database and the bucket; docs/deployment.md lists them.
#   docker run -e VPP_DATABASE_URL=… -e VPP_S3_BUCKET=… -p 8000:8000 IMAGE        the API and a worker
#   docker run -e VPP_DATABASE_URL=… -e VPP_S3_BUCKET=… IMAGE work                another worker

FROM python:3.13-slim AS build
# Without bytecode, every start compiles all modules: the user below cannot write to /opt/vpp.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /src
# The dependencies have a layer of their own, so that a change of the sources does not install them again.
# requirements.txt holds the versions and their hashes; it is used as a constraint, so that only the dependencies of the
# image are installed: no embedded servers, no tools.
COPY pyproject.toml requirements.txt ./
RUN sed -n '/^uv==/,/# via/p' requirements.txt > uv.txt \
    && pip install --no-cache-dir --require-hashes --requirement uv.txt
RUN uv venv /opt/vpp \
    && uv pip install --python /opt/vpp/bin/python --constraint requirements.txt --extra redis --requirement pyproject.toml
COPY hatch_build.py schema.graphql README.md LICENSE ./
COPY console ./console
COPY examples ./examples
COPY graph ./graph
COPY db ./db
RUN uv pip install --python /opt/vpp/bin/python --no-deps --build-constraint requirements.txt .

FROM python:3.13-slim
# The kernel discards SIGTERM for process 1 until that process handles it, and Python does so only after its imports.
# tini, as process 1, passes signals on to `vpp`, which SIGTERM then ends at any time.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin vpp
COPY --from=build /opt/vpp /opt/vpp
ARG REVISION
LABEL org.opencontainers.image.title="vpp" \
      org.opencontainers.image.description="The system of record Virtual Power Plants settle their months with" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision=$REVISION
ENV PATH=/opt/vpp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VPP_BUILD_REVISION=$REVISION \
    VPP_HEALTH_FILE=/tmp/vpp-health \
    VPP_HOST=0.0.0.0 \
    VPP_PORT=8000
USER 10001
EXPOSE 8000
# For the API with and without TLS, and for a worker, which listens on no port.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "graph.health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "vpp"]
CMD ["serve"]
