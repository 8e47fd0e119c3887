# ConvexWeb in one image: web node, worker, or both (Convex__Role).
#   docker build -t convexweb .                                             training on CPUs
#   docker run -p 127.0.0.1:5080:5080 -v convexweb:/data convexweb          all of it, at http://localhost:5080; it prints the first sign-in link
#   docker build -t convexweb --build-arg TORCH=cuda .                      libtorch with CUDA, from the package TorchSharp-cuda-linux
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TORCH=cpu
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN dotnet publish ConvexWeb.Server -c Release -o /app -p:Torch=$TORCH

# PostgreSQL, libtorch and its libgomp are in /app.
FROM mcr.microsoft.com/dotnet/aspnet:10.0
RUN useradd --create-home --uid 10001 convex && install -d -o convex -m 0700 /data
COPY --from=build /app /app
USER convex
# Inside it listens everywhere; Convex__PublicUrl is where people find it, and must be given for any other way than the one above.
# The base image sets ASPNETCORE_HTTP_PORTS, which Convex__Url overrides with a warning.
# Which ports of the host lead to it only the host knows: publish it on 127.0.0.1, or let a proxy with TLS stand in front.
ENV Convex__Data=/data Convex__Url=http://0.0.0.0:5080 Convex__PublicUrl=http://localhost:5080 ASPNETCORE_HTTP_PORTS=
VOLUME /data
EXPOSE 5080
WORKDIR /app
# There is no curl or wget in the image: bash opens the connection itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/5080 && printf 'GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["dotnet", "ConvexWeb.Server.dll"]
