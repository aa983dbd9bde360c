# Tertulia as an image: what is compiled and what it needs at run time, without the tools that made it.
#   docker build -t tertulia . && docker run --rm -p 3000:3000 tertulia
# test/container/run holds it to what is written here.

# Packages before sources: a change in src/ installs nothing again.
FROM node:24 AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
RUN npm run build

# A stage of its own, so that it runs beside the other one and its layer stays the same when only the sources change.
FROM node:24 AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
LABEL org.opencontainers.image.title="Tertulia" \
      org.opencontainers.image.description="A chat and presence server for JSON frames over WebSocket" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
# Everything belongs to root: the server can read its own files and not change them. It writes none, so --read-only works.
COPY --from=dependencies /app/node_modules node_modules
# The version that the API shows is read from it.
COPY package.json ./
COPY --from=build /app/build build
# Loopback, the default elsewhere, would be the container's own, where nobody could come in.
# `container` is what systemd and Podman say to what they run: addresses in here are nobody's to connect to.
ENV HOST=0.0.0.0 NODE_ENV=production container=oci
EXPOSE 3000
USER node
# Healthy: the server answers, and has once been ready. Neither route alone says that.
# - /health/ready says no while a node is cut off from the others. Swarm and the like would then replace every node, and its
#   clients, who are still connected and only have to wait, would be thrown out; a restart mends nothing there.
# - /health/live says yes before a node has reached the others: `depends_on: service_healthy` and `up --wait` would go on too soon.
# So of all that /health/ready may say, only "starting" and silence count as unhealthy. Load balancers ask it themselves.
# By Node, because there is no curl in the slim image, and by http, because fetch takes twice the time to load.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["node", "-e", \
  "http.get('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/ready', async (answer) => { const { status } = JSON.parse(Buffer.concat(await answer.toArray())); process.exit(status && status !== 'starting' ? 0 : 1) })"]
# Not through npm or a shell: Node is process 1 and gets the signals. The server drains at SIGTERM, for READY_LAG_MS + DRAIN_MS
# (5 s); `docker stop` kills after 10 s, so whoever raises them raises --stop-timeout (Compose: stop_grace_period) too.
# The kernel keeps from process 1 what it has no handler for: a stop in the half second before main.ts has set its own goes
# unheard. Who stops containers that soon adds --init (Compose: `init: true`).
CMD ["node", "build/main.js"]
