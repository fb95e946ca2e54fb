package sessions

import (
	"slices"
	"strings"

	"github.com/rusmes/otelmail"
)

// labelledCommands are those that replies_total tells apart.
var labelledCommands = func() []string {
	for _, m := range otelmail.Catalog() {
		if m.Name != "replies_total" {
			continue
		}
		for _, label := range m.Labels {
			if label.Key == "command" {
				return label.Values
			}
		}
	}
	return nil
}()

// withReplies adds what replies_total must have counted: the commands that were answered,
// which are spans, too.
func (c Counts) withReplies() Counts {
	all := Counts{}
	all.plus(c)
	for name, n := range c {
		words := strings.Fields(name)
		if len(words) != 4 || words[0] != "span" {
			continue
		}
		command := words[2]
		if !slices.Contains(labelledCommands, command) {
			command = "other"
		}
		class := words[3]
		switch words[1] {
		case "SMTP":
			class = class[:1] + "xx"
		case "POP3":
			class = map[string]string{"ok": "ok", "err": "error"}[class]
		}
		all["replies_total/"+class+"/"+command+"/"+strings.ToLower(words[1])] += n
	}
	return all
}

// known are the series that the readers of this package know of, and the spans.
var known = []string{
	"active_connections", "tls_sessions_total", "telemetry_unfollowed_sessions_total", "messages_per_domain_total",
	"smtp_connections_total", "smtp_session_duration_seconds", "smtp_errors_total", "smtp_auth_success_total",
	"smtp_auth_failure_total", "smtp_messages_received_total", "smtp_messages_rejected_total",
	"imap_connections_total", "imap_commands_total", "imap_errors_total",
	"replies_total",
}

// counted is what the server has counted of what the readers know. A command without a reply
// is none of that: what has become of it is often unknown to its client.
func (server *Server) counted() (Counts, error) {
	all, err := server.Counts()
	if err != nil {
		return nil, err
	}
	counts := Counts{}
	for name, n := range all {
		series, labels, _ := strings.Cut(name, "/")
		if strings.HasPrefix(name, "span ") || slices.Contains(known, series) && !strings.HasPrefix(labels, "none/") {
			counts[name] = n
		}
	}
	return counts, nil
}
