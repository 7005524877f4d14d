# Two ways to the same image, a static binary alone in it:
#   docker build .                            builds from source in a container (the default)
#   docker build --target prebuilt .          takes target/docker/spirt-node from this machine and needs
#                                             no base image; `cargo xtask docker-image` does both steps
# BuildKit builds only the stages that the target needs. It is on by default since Docker 23; with an
# older one set DOCKER_BUILDKIT=1.

# What both share: no shell, no library, no root.
FROM scratch AS base
ENV SPIRT_DATA_DIR=/data
USER 65532:65532
# BuildKit makes a missing working directory for the user above, so that it can write there.
WORKDIR /data
VOLUME /data
EXPOSE 7700
STOPSIGNAL SIGTERM
ENTRYPOINT ["/spirt-node"]

FROM base AS prebuilt
COPY target/docker/spirt-node /spirt-node

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# Features of spirt-node, separated by commas.
ARG SPIRT_FEATURES=""
# A named target keeps the flags away from build scripts and macros, which cannot be static.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" && \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked \
        -p spirt-node --bin spirt-node --features "$SPIRT_FEATURES" --target "$target" && \
    cp "target/$target/release/spirt-node" /spirt-node

# The last stage is the default one.
FROM base AS runtime
COPY --from=build /spirt-node /spirt-node
