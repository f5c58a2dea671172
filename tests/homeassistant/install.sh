#!/usr/bin/env bash
# Installs Home Assistant for the end-to-end test into $MINERBRIDGE_HA (default .cache/homeassistant).
# The newest release the Pythons of this machine allow, or HOMEASSISTANT_VERSION; nothing happens when it is there.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
target=${MINERBRIDGE_HA:-$here/../../.cache/homeassistant}
mkdir -p "$target"
target=$(readlink -f "$target")
ready=$target/version
if [[ -f $ready && -x $target/venv/bin/hass ]]; then
    echo "Home Assistant $(cat "$ready") is installed in $target"
    exit 0
fi
rm -f "$ready"
echo '*' >"$target/.ignore" # linters and searches stay out

exec 9>"$target/lock"
flock 9 # two runs may share the cache
[[ -f $ready ]] && exit 0

runs() { # PYTHON VERSION: does it run, and is it at least this version
    "$1" -c "import sys; sys.exit(sys.version_info[:3] < ($2))" 2>/dev/null
}

find_python() {
    local python own=$target/python314/usr/bin/python3.14
    for python in "${HA_PYTHON:-}" python3.14 "$own"; do
        if [[ -n $python ]] && runs "$python" "3, 14, 2"; then echo "$python" && return; fi
    done
    if [[ $(id -u) == 0 && $(dpkg --print-architecture 2>/dev/null) == amd64 ]] &&
        "$here/python314.sh" "$target/python314" >&2 && runs "$own" "3, 14, 2"; then
        echo "$own" && return
    fi
    # Older Pythons get an older Home Assistant; device discovery came with 2024.11, Python 3.12.
    for python in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1{3,2}*/bin/python3 python3.12 python3; do
        if runs "$python" "3, 12, 0"; then echo "$python" && return; fi
    done
    echo "no Python for Home Assistant: it needs 3.12 or newer (3.14 for the newest)" >&2
    return 1
}

python=$(find_python)
echo "Home Assistant gets $("$python" -V) ($python)"
uv=$(command -v uv || true)
if [[ -z $uv ]]; then
    python3 -m venv "$target/uv"
    "$target/uv/bin/pip" -q install uv
    uv=$target/uv/bin/uv
fi
export UV_CACHE_DIR=${UV_CACHE_DIR:-$target/uv-cache} UV_LINK_MODE=hardlink
rm -rf "$target/venv"
"$uv" venv -q --python "$python" "$target/venv"
installed=$target/venv/bin/python
install=("$uv" pip install -q --python "$installed")
"${install[@]}" "homeassistant${HOMEASSISTANT_VERSION:+==$HOMEASSISTANT_VERSION}"
"$installed" "$here/requirements.py" \
    mqtt api websocket_api config onboarding frontend recorder history energy >"$target/requirements.txt"
constraints=$(echo "$target"/venv/lib/python3*/site-packages/homeassistant/package_constraints.txt)
"${install[@]}" -r "$target/requirements.txt" -c "$constraints"
"$installed" -c 'from homeassistant.const import __version__; print(__version__)' >"$ready.new"
mv "$ready.new" "$ready"
echo "Home Assistant $(cat "$ready") is installed in $target"
