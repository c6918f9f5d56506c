# One image for the five services, the job that prepares their databases, the maker of streams and the catcher of mail:
# the command says which. It holds what the compiler wrote and what that imports.

FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY libs libs
COPY services services
COPY stack stack
COPY site site
COPY bundle bundle
COPY docs docs
RUN node_modules/.bin/tsc -p tsconfig.json --sourceMap false && node dist/bundle/main.js && node dist/site/main.js

FROM base AS packages
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# All others are in the bundles.
RUN find node_modules -mindepth 1 -maxdepth 1 ! -name reflect-metadata ! -name @node-rs -exec rm -rf {} + \
 && find node_modules -name '*.d.ts' -delete

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
USER 1000:1000
ENTRYPOINT ["node"]
CMD ["dist/services/gateway/src/main.js"]
