#!/usr/bin/env bash
# Installs AsyncAPI's official parser for its test into .cache/asyncapi; nothing if it is there.
set -euo pipefail
version=3.6.3
here=$(dirname "$(readlink -f "$0")")
target=$here/../.cache/asyncapi
mkdir -p "$target"
target=$(readlink -f "$target")

exec 9>"$target/lock"
flock 9 # two runs may share the cache
if [[ -f $target/version && $(<"$target/version") == "$version" ]]; then
    echo "@asyncapi/parser $version is installed in $target"
    exit 0
fi
rm -f "$target/version"
echo '*' >"$target/.ignore" # linters and searches stay out
# Without scripts: one of its dependencies would report the installation to a server.
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$target" \
    "@asyncapi/parser@$version"
echo "$version" >"$target/version"
echo "@asyncapi/parser $version is installed in $target"
