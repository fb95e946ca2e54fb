#!/usr/bin/env bash
# newest.sh MODULE...: the tests beside the code with the newest Go, and the newest version of
# everything that is required, as `go get -u` gives them to a user. In a copy: nothing is changed here.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read | tar -x -C "$copy"
export GOWORK=off GOTOOLCHAIN
GOTOOLCHAIN=go$(GOTOOLCHAIN=local go list -m -f '{{.Version}}' go@latest)
for m; do
	echo "== $m with $GOTOOLCHAIN"
	cd "$copy/$m"
	go get -u -t ./... 2>&1 | grep -v '^go: downloading' || true
	go mod tidy 2>/dev/null
	go test ./...
done
