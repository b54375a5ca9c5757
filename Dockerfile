# One target per service:
#   docker build --target ingest-service -t weir/ingest-service .
#   docker build --target analyzer-service -t weir/analyzer-service .
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bins \
 && install -D --target-directory=/out target/release/analyzer-service target/release/ingest-service target/release/weir

# The volumes' folders belong to the user, so that new volumes do too.
FROM debian:bookworm-slim AS base
RUN groupadd --gid 10001 weir \
 && useradd --uid 10001 --gid weir --no-create-home --shell /usr/sbin/nologin weir \
 && install --directory --owner=weir --group=weir /var/lib/weir/store /var/lib/weir/catalog

FROM base AS analyzer-service
COPY --from=build /out/analyzer-service /usr/local/bin/analyzer-service
ENV WEIR_LISTEN=0.0.0.0:7302
ENV WEIR_STORE=file:///var/lib/weir/store
EXPOSE 7302
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["analyzer-service", "--health"]
ENTRYPOINT ["analyzer-service"]

FROM base AS ingest-service
COPY --from=build /out/ingest-service /out/weir /usr/local/bin/
ENV WEIR_LISTEN=0.0.0.0:7301
ENV WEIR_STORE=file:///var/lib/weir/store
ENV WEIR_CATALOG=sqlite:///var/lib/weir/catalog/catalog.db
EXPOSE 7301
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["ingest-service", "--health"]
ENTRYPOINT ["ingest-service"]
