//go:build debian

package integration

import "testing"

// Postfix's smtp-source sends 500 messages over several sessions at a time, as fast as
// they are accepted, and every one of them is counted.
func TestSMTPSource(t *testing.T) {
	const messages, sessions = 500, 10
	source := func(more ...string) func(*testing.T, *demo) {
		return func(t *testing.T, d *demo) {
			args := append([]string{"-s", "10", "-m", "500", "-l", "2048", "-f", "source@shop.example", "-t", own}, more...)
			wantTool(t, 0, "smtp-source", append(args, "inet:"+d.smtp)...)
		}
	}
	moves := func(opened float64) page {
		return page{connections: opened, plaintext: opened, received: messages, forLocal: messages,
			processed: messages, delivered: messages, stored: messages}
	}
	eachUse(t, map[string]use{
		"a connection for each message": {source(), moves(messages)},
		"connections used again":        {source("-d"), moves(sessions)},
	})
}
