#!/usr/bin/env bash
# Runs every fuzz target of the given modules for the given time each.
set -euo pipefail
time=$1
shift
for module in "$@"; do
	(
		cd "$module"
		# One line a target: the folder and the function's name.
		grep -rlE '^func Fuzz[A-Za-z0-9_]*\(' --include='*_test.go' . | sort | while read -r file; do
			dir=$(dirname "$file")
			# Nested modules are listed by themselves.
			[ "$dir" = . ] || [ ! -e "$dir/go.mod" ] || continue
			grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | cut -d' ' -f2 | while read -r target; do
				echo "fuzz $module $dir $target"
				go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" </dev/null >/tmp/otelmail-fuzz.$$ 2>&1 ||
					{ cat /tmp/otelmail-fuzz.$$; rm -f /tmp/otelmail-fuzz.$$; exit 1; }
			done
		done
	)
done
rm -f /tmp/otelmail-fuzz.$$
