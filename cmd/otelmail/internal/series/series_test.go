package series

import "testing"

func TestSelect(t *testing.T) {
	scope := Scope{Namespace: "mail", Matchers: `job="mx"`}
	for want, got := range map[string]string{
		`mail_queue_size`: Scope{Namespace: "mail"}.Select(QueueSize),
		`mail_queue_messages{job="mx",state="ready"}`:                        scope.Select(QueueMessages, `state="ready"`),
		`mail_delivery_total_seconds_bucket{job="mx",le="30"}`:               scope.Bucket(DeliveryTotal, `le="30"`),
		`mail_command_duration_seconds_count{job="mx",command=~"RCPT|DATA"}`: scope.Count(CommandDuration, `command=~"RCPT|DATA"`),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestWhatCannotBe(t *testing.T) {
	for name, do := range map[string]func(s Scope) string{
		"another label":    func(s Scope) string { return s.Select(QueueSize, `state="ready"`) },
		"another value":    func(s Scope) string { return s.Select(QueueMessages, `state="redy"`) },
		"no matcher":       func(s Scope) string { return s.Select(QueueMessages, `state`) },
		"parts of a gauge": func(s Scope) string { return s.Bucket(QueueSize) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do(Scope{Namespace: "mail"})
		})
	}
}
