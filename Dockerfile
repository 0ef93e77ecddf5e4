# The book and its environment.
#   docker build --tag descent .                                                 for the CPU
#   docker build --tag descent:gpu --build-arg EXTRAS="torch gpu" .              for NVIDIA GPUs: docker run --gpus all
#   docker run --rm --volume "$PWD/_build:/book/_build" descent                  make book; pages in _build/html
#   docker run --rm --volume "$PWD/_build:/book/_build" descent make book PROFILE=paper CHAPTER=omd-thresholds
FROM python:3.12-slim-bookworm

# Any version of these will do, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make \
 && rm -rf /var/lib/apt/lists/*

# Nothing here needs root. A folder that is mounted must be writable for this user, or for the one of `--user`.
RUN useradd --create-home --uid 1000 book && mkdir /book && chown book /book
USER book
WORKDIR /book

# The environment first: it changes seldom, and takes minutes.
COPY --chown=book Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=book lib lib
ARG EXTRAS=torch
ENV PIP_NO_CACHE_DIR=1
RUN make .venv/.book EXTRAS="$EXTRAS"

# With .git, so that every run knows the commit it was made from.
COPY --chown=book . .

CMD ["make", "book"]
