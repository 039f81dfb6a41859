#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run_example.sh LADOND PROGRAM - runs PROGRAM on the first two VFs of a private card.
set -eu
dir=$(mktemp -d)
mkfifo "$dir/log"
echo 'card add nic0 model 82576 vfs 2' >"$dir/config"
mkdir -m 700 "$dir/run"
"$1" --run-dir "$dir/run" --config "$dir/config" 2>"$dir/log" &
pid=$!
trap 'kill $pid; wait $pid || true; rm -rf "$dir"' EXIT

# The daemon's first lines; it serves when it says so. Then its log is read to the end in the background.
exec 3<"$dir/log"
while read -r line <&3; do
	echo "$line"
	case $line in *serves*) break ;; esac
done
cat <&3 &
timeout 60 "$2" "$dir/run/nic0/vf0.sock" "$dir/run/nic0/vf1.sock"
