package otelmail

// Version of this module, the version of the instrumentation scope.
const Version = "0.1.0"
