// Package otelpop3 instruments the command loop of a POP3 server (RFC 1939),
// whatever it is made with:
//
//	session := otelpop3.Begin(ctx, tel, conn)
//	cause := otelmail.CausePanic
//	defer func() { session.End(cause) }()
//	lines := otelpop3.NewReader(conn)
//	for {
//		line, err := lines.ReadLine()
//		if err != nil { cause = otelmail.CauseOf(err); return }
//		command := session.Command(line)
//		ok := run(command.Context(), line)
//		command.End(ok, otelmail.CauseNone)
//	}
//
// It is a thin layer over the POP3 field of [otelmail.Telemetry], which a server
// may as well use itself. What it adds: the connection's facts are taken from the
// [net.Conn], the verb and the user from the line, and [Reader] reads lines whose
// length strangers do not choose.
//
// A session gives active_connections and tls_sessions_total, which are all the
// series that POP3 has, a span, and below it a span for each command. A login
// that fails is the span of a PASS, APOP or AUTH with pop3.response.status "err"
// and an error.type. Of PASS nothing but the verb is looked at, and of APOP not
// the digest; names of users appear as the privacy policy allows.
package otelpop3
