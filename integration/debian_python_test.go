//go:build debian

package integration

import "testing"

// Python's smtplib, by testdata/smtp_client.py.
func TestPython(t *testing.T) {
	python := func(scenario string) func(*testing.T, *demo) {
		return func(t *testing.T, d *demo) {
			host, port := split(d.smtp)
			wantTool(t, 0, "python3", "testdata/smtp_client.py", scenario, host, port, user, password)
		}
	}
	eachUse(t, map[string]use{
		"mail for the user": {python("plain"),
			atMX(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		"mail over STARTTLS with a login": {python("submit"),
			submitted(page{forPartner: 1, delivered: 1, sent: 1})},
		"LOGIN": {python("login"),
			atMXWithTLS(page{authSuccess: 1})},
		"a wrong password": {python("wrong_password"),
			atMXWithTLS(page{smtpErrors: 1, authFailure: 1})},
		"an unknown user among known ones": {python("unknown_user"),
			atMX(page{smtpErrors: 1, received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		"no known user": {python("nobody"), atMX(page{smtpErrors: 1})},
	})
}
