# syntax=docker/dockerfile:1
# The consumer by KCL, for ECS: docs/container.md. tests/container does what is said here, without docker.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG JAVA_IMAGE=eclipse-temurin:17-jdk
# The uv that is in uv.lock.
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.9

FROM ${UV_IMAGE} AS uv

FROM ${JAVA_IMAGE} AS java
# Java SE, of which KCL's jars use a lot; elliptic curves for TLS; sun.misc.Unsafe for Netty. Uncompressed, for
# layers are compressed anyway.
RUN jlink --add-modules java.se,jdk.crypto.ec,jdk.unsupported --output /opt/java/runtime \
    --strip-java-debug-attributes --no-header-files --no-man-pages

FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /opt/uv/
ENV PATH=/opt/uv:$PATH UV_PROJECT_ENVIRONMENT=/opt/iotstream UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /src
COPY pyproject.toml uv.lock docker/jars.sha256 ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-editable --no-install-project --extra kcl
# amazon_kclpy downloads its jars from Maven Central while it is installed, unchecked.
RUN cd /opt/iotstream/lib/python*/site-packages/amazon_kclpy/jars && \
    sha256sum --strict --quiet --check /src/jars.sha256
COPY README.md LICENSE ./
COPY handlers handlers
COPY src src
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-editable --extra kcl
# The compiled kernel, a wheel for each platform: make package.
COPY dist/iotstream_native-*.whl dist/
RUN uv pip install --python /opt/iotstream/bin/python --no-index --find-links dist iotstream-native

FROM ${PYTHON_IMAGE}
COPY --from=java /opt/java/runtime /opt/java/runtime
COPY --from=build /opt/iotstream /opt/iotstream
COPY docker/healthcheck.py /opt/iotstream/
# Java 17 takes the encoding of what it tells a shard's process from the locale.
ENV PATH=/opt/iotstream/bin:/opt/java/runtime/bin:$PATH LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 TMPDIR=/tmp \
    IOTSTREAM_CONSUMER_HOST=0.0.0.0
# All that it writes; the rest may be read-only. Whoever mounts something here gets the image's permissions.
VOLUME /tmp
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "/opt/iotstream/healthcheck.py"]
ENTRYPOINT ["iotstream"]
CMD ["consume"]
