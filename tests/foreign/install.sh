#!/bin/sh
# Installs what others wrote into .foreign, for the tests beside this file. Where it cannot, it says why and goes on:
# those tests then skip with that reason.
cd "$(dirname "$0")/../.." || exit 2
mkdir -p .foreign
rm -f .foreign/no-node .foreign/no-python
if ! command -v npm > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  apt-get update -qq && apt-get install -y -qq nodejs npm > /dev/null
fi
cp tests/foreign/package.json tests/foreign/package-lock.json .foreign/
if ! (cd .foreign && npm ci --silent --no-audit --no-fund --ignore-scripts); then
  echo "npm could not install tests/foreign/package.json; install Node.js 20, then: rm -r .foreign" | tee .foreign/no-node
fi
if ! { .venv/bin/python -m venv .foreign/python && .foreign/python/bin/python -m pip install --quiet \
       --disable-pip-version-check --require-hashes --no-deps -r tests/foreign/python.txt 2> .foreign/pip.log; }; then
  tail -3 .foreign/pip.log
  echo "pip could not install tests/foreign/python.txt; then: rm -r .foreign" | tee .foreign/no-python
fi
touch .foreign/.ready
