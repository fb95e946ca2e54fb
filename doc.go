// Package otelmail is OpenTelemetry for mail servers: metrics on /metrics,
// metrics, traces and logs over OTLP, spans that follow a message from the
// session that accepted it to every delivery, and health probes.
//
// [Start] builds the pipelines; [New] binds to providers an application already
// has. Both return a [Telemetry], whose fields record what happens, one area of
// mail each:
//
//	tel, err := otelmail.Start(ctx,
//		otelmail.WithService("mymail", "1.2.3"),
//		prometheus.Serve(), // /metrics, /health, /ready and /live on 0.0.0.0:9090
//		otlp.Push(),        // where OTEL_EXPORTER_OTLP_ENDPOINT points; else nowhere
//	)
//	if err != nil {
//		log.Print(err) // names the setting, its value and what is allowed; tel records nothing
//	}
//	defer tel.Shutdown(context.Background())
//
// Most servers call none of the fields' methods for their sessions: an adapter below
// instrumentation/, or package observe for any other server, records them in one line.
// By hand it is
//
//	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{Remote: conn.RemoteAddr()})
//	command := session.Command(mailconv.SMTPRcpt)
//	command.Note(otelmail.SMTPFacts{To: "bob@example.org"})
//	command.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}})
//
// The handle that such a method returns ends what it began: the span, the counters and the
// error class come from one call and cannot disagree. All handles end alike: what is
// answered with the answer, End(reply), which in JMAP is the type of the error or none;
// what the server decides with the decision and why, End(decision, cause); what only ends
// with why it broke, End(cause).
//
// No method panics, blocks on the network or returns an error that the mail's path would
// have to handle, and zero handles do nothing.
// Whatever comes from a stranger goes through one place, which makes it valid
// UTF-8 of bounded length and applies the privacy policy ([WithPrivacy]).
//
// [Catalog] describes every series.
package otelmail

//go:generate go run ./internal/reference/generate

// Version of this module, the version of the instrumentation scope.
const Version = "0.1.0"
