// Package stack has no code but tests: of the SDK together with its exporters, as a
// server runs them. They stand apart from the SDK's own so that modules which use the
// SDK need not know what the exporters are made of.
package stack
