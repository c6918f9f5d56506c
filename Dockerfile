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
RUN node_modules/.bin/tsc -p tsconfig.json --sourceMap false

FROM base AS packages
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# What Node.js never loads: types, maps, documentation, sources and builds for browsers.
RUN find node_modules -type f \
      \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.spec.js' -o -name '*.test.js' -o -name '*.map' -o -iname '*.md' -o -name '*.flow' \) -delete \
 && find node_modules -type d \( -name test -o -name tests -o -name __tests__ -o -name docs -o -name examples \) -prune -exec rm -rf {} + \
 && rm -rf node_modules/typeorm/browser node_modules/rxjs/src node_modules/rxjs/dist/bundles node_modules/rxjs/dist/esm* \
      node_modules/class-validator/bundles node_modules/libphonenumber-js/bundle node_modules/@types

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
USER 1000:1000
ENTRYPOINT ["node"]
CMD ["dist/services/gateway/src/main.js"]
