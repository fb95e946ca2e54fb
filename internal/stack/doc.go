// Package stack has only tests: of the SDK together with its exporters, as a server
// runs them. They are not beside the SDK, because then the go.sum of every module that uses
// the SDK would list what the exporters depend on.
package stack
