// Package schema says by which conventions telemetry is to be read.
package schema

// Version is that of the registry and of the schema file. It changes when a convention of
// ours does, and not with every version of the code.
const Version = "0.1.0"

// URL is where the schema file is, below schemas/. Every scope has it.
const URL = "https://raw.githubusercontent.com/rusmes/otelmail/main/schemas/" + Version
