#!/usr/bin/env bash
# newest.sh MODULE...: the tests beside the code with the newest Go, and the newest version of every
# module whose packages are used. In a copy: nothing is changed here.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read | tar -x -C "$copy"
export GOWORK=off GOTOOLCHAIN GOFLAGS=-mod=mod # what the module before has upgraded, the next one needs
GOTOOLCHAIN=go$(GOTOOLCHAIN=local go list -m -f '{{.Version}}' go@latest)
for m; do
	cd "$copy/$m"
	used=$(go list -deps -test -f '{{with .Module}}{{if not (or .Main .Replace)}}{{.Path}}@upgrade{{end}}{{end}}' ./... | sort -u)
	go get $used # one argument each
	go mod tidy
	echo "== $m with $GOTOOLCHAIN"
	go test -vet=off $(go list ./... | grep -v /internal/)
done
