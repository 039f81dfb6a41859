#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run_example.sh LADOND PROGRAM CONFIG VF... - runs PROGRAM on VFs (such as nic0/vf0.sock) of a private daemon with CONFIG.
set -eu
ladond=$1
program=$2
config=$3
shift 3
dir=$(mktemp -d)
mkfifo "$dir/log"
mkdir -m 700 "$dir/run"
"$ladond" --run-dir "$dir/run" --config "$config" 2>"$dir/log" &
pid=$!
trap 'kill $pid; wait $pid || true; rm -rf "$dir"' EXIT

# The daemon's first lines; it serves when it says so. Then its log is read to the end in the background.
exec 3<"$dir/log"
while read -r line <&3; do
	echo "$line"
	case $line in *serves*) break ;; esac
done
cat <&3 &
for vf; do
	shift
	set -- "$@" "$dir/run/$vf"
done
timeout 60 "$program" "$@"
