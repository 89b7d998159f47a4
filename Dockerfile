# Image of the API and of the worker. Environment variables name the database and the S3 bucket.
#   docker run -e VPP_DATABASE_URL=… -e VPP_S3_BUCKET=… -p 8000:8000 IMAGE            the API and a worker
#   docker run -e VPP_DATABASE_URL=… -e VPP_S3_BUCKET=… IMAGE work                    another worker

FROM python:3.13-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml requirements.txt hatch_build.py schema.graphql README.md LICENSE ./
COPY console ./console
COPY graph ./graph
COPY db ./db
# requirements.txt also pins the embedded servers and the development tools. Used as a constraints file, it pins the
# packages that the image needs, with their hashes, and installs no others.
RUN uv venv /opt/vpp && uv pip install --python /opt/vpp/bin/python --no-cache --constraint requirements.txt .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home vpp
COPY --from=build /opt/vpp /opt/vpp
ENV PATH=/opt/vpp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VPP_HOST=0.0.0.0 \
    VPP_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['VPP_PORT']}/livez\")"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["vpp"]
CMD ["serve"]
