// Package otelmail is OpenTelemetry for mail servers: metrics on /metrics,
// metrics, traces and logs over OTLP, spans that follow a message from the
// session that accepted it to every delivery, and health probes.
//
// [Start] builds the pipelines; [New] binds to providers an application already
// has. Both return a [Telemetry], whose fields record what happens, one area of
// mail each:
//
//	tel, err := otelmail.Start(ctx, otelmail.WithService("mymail", "1.2.3"),
//		prometheus.Serve(), otlp.Push())
//	if err != nil { … }                  // tel still works, recording nothing
//	defer tel.Shutdown(context.Background())
//
//	session := tel.SMTP.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
//	command := session.Command(otelmail.SMTPRcpt)
//	command.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}})
//	session.End(otelmail.CauseNone)
//
// What Start returns finishes what it began: the span, the counters and the
// error class come from one call and cannot disagree. No method panics, blocks
// on the network or returns an error that the mail's path would have to handle.
// Whatever comes from a stranger goes through one place, which makes it valid
// UTF-8 of bounded length and applies the privacy policy ([WithPrivacy]).
//
// [Catalog] describes every series.
package otelmail

//go:generate go run ./internal/reference/generate

// Version of this module, the version of the instrumentation scope.
const Version = "0.1.0"
