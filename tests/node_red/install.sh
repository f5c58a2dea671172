#!/usr/bin/env bash
# Installs Node-RED for the end-to-end test into $MINERBRIDGE_NODE_RED (default .cache/node-red).
# Nothing happens when this version is there.
set -euo pipefail
version=4.1.15 # the newest that runs on the Node.js of Debian 12; 5 wants Node.js 22.9
here=$(dirname "$(readlink -f "$0")")
target=${MINERBRIDGE_NODE_RED:-$here/../../.cache/node-red}
mkdir -p "$target"
target=$(readlink -f "$target")
if [[ -f $target/version && $(<"$target/version") == "$version" ]]; then
    echo "Node-RED $version is installed in $target"
    exit 0
fi
rm -f "$target/version"
echo '*' >"$target/.ignore" # linters and searches stay out

exec 9>"$target/lock"
flock 9 # two runs may share the cache
[[ -f $target/version ]] && exit 0

node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null || {
    echo "Node-RED $version needs Node.js 18.5 or newer" >&2
    exit 1
}
npm install --silent --no-audit --no-fund --prefix "$target" "node-red@$version"
echo "$version" >"$target/version"
echo "Node-RED $version is installed in $target"
