# ConvexWeb in one image: web node, worker, or both (Convex__Role).
#   docker build -t convexweb .                                             CPU, Debian's libtorch
#   docker run -p 127.0.0.1:5080:5080 -v convexweb:/data convexweb          all of it, at http://localhost:5080; it prints the first sign-in link
#   docker build -t convexweb --build-arg TORCH_BACKEND=TorchSharp .        CUDA, the package TorchSharp-cuda-linux brings libtorch
ARG TORCH_BACKEND=Native

FROM debian:12-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates wget \
 && wget -q https://packages.microsoft.com/config/debian/12/packages-microsoft-prod.deb && dpkg -i packages-microsoft-prod.deb && rm packages-microsoft-prod.deb \
 && apt-get update

FROM base AS build
ARG TORCH_BACKEND
RUN apt-get install -y --no-install-recommends dotnet-sdk-10.0 nodejs npm g++ cmake make libtorch-dev
WORKDIR /src
COPY . .
RUN dotnet publish ConvexWeb.Server -c Release -o /app -p:TorchBackend=$TORCH_BACKEND

FROM base AS runtime
ARG TORCH_BACKEND
# Only the private PostgreSQL of a single container needs the server's binaries; a cluster passes ConnectionStrings__Convex.
RUN mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/convexweb.conf \
 && apt-get install -y --no-install-recommends aspnetcore-runtime-10.0 postgresql libgomp1 \
 && if [ "$TORCH_BACKEND" = Native ]; then apt-get install -y --no-install-recommends libtorch1.13 libopenblas0-openmp; fi \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 convex && install -d -o convex -m 0700 /data
COPY --from=build /app /app
USER convex
# Inside it listens everywhere; Convex__PublicUrl is where people find it, and must be given for any other way than the one above.
ENV Convex__Data=/data Convex__Url=http://0.0.0.0:5080 Convex__PublicUrl=http://localhost:5080
VOLUME /data
EXPOSE 5080
WORKDIR /app
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD wget -q -O /dev/null http://127.0.0.1:5080/health || exit 1
ENTRYPOINT ["dotnet", "ConvexWeb.Server.dll"]
