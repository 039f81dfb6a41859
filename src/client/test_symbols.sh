#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_symbols.sh LIBRARY HEADER... - the shared library exports the functions its public headers mark
# LADON_API, all of them and nothing else.
set -eu
lib=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat "$@" | tr '\n' ' ' | grep -oE 'LADON_API [^;]*' | grep -oE 'ladon_[a-z0-9_]+\(' |
	tr -d '(' | sort -u >"$dir/headers"
nm -D --defined-only "$lib" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$dir/exported"
test -s "$dir/headers"
if ! diff -u "$dir/headers" "$dir/exported"; then
	echo "the headers (-) and the library (+) differ: see libladon.map" >&2
	exit 1
fi
