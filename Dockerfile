# syntax=docker/dockerfile:1

# One image for all parts: `agf api` (default), `agf worker`, `agf migrate`, `agf llm-stub`.
# The Python version is the one that the tests run on.
FROM python:3.11-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/agf
COPY requirements/build.lock requirements/runtime.lock requirements/
# A company's package index: docker build --secret id=pip_conf,src=/etc/pip.conf . (it does not stay in the image)
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    pip install --require-hashes --no-deps -r requirements/build.lock \
    && pip --python /opt/agf/bin/python install --require-hashes --no-deps -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations/ migrations/
COPY src/ src/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/agf/bin/python install --no-deps --no-index dist/*.whl

FROM python:3.11-slim-trixie
RUN groupadd --system --gid 10001 agf \
    && useradd --system --uid 10001 --gid agf --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin agf
COPY --from=build /opt/agf /opt/agf
# Inside a container loopback is the container's own: listen on all its addresses.
ENV PATH=/opt/agf/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AUMOS_AGF_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8007
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8007/live', timeout=2)"]
ENTRYPOINT ["agf"]
CMD ["api"]
