#!/usr/bin/env bash
# Runs every fuzz target of the given modules for the given time each.
set -euo pipefail
time=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# Before Go 1.27 the end of the time may itself be reported as a failure of the target
# (golang/go#75804). That is not a finding: a finding writes out its failing input.
ended_late() {
	grep -qx '    context deadline exceeded' "$1" && ! grep -q 'Failing input written\|hung or terminated\|panic:' "$1"
}
for module in "$@"; do
	for dir in $(cd "$module" && go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
		for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$dir"/*_test.go); do
			echo "fuzz ${dir#"$PWD"/} $target"
			(cd "$dir" && go test -vet=off -run '^$' -fuzz "^$target\$" -fuzztime "$time" .) </dev/null >"$output" 2>&1 ||
				ended_late "$output" || { cat "$output"; exit 1; }
		done
	done
done
