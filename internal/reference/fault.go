package reference

import (
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/rusmes/otelmail/internal/refusal"
	"github.com/rusmes/otelmail/internal/seriesname"
	"github.com/rusmes/otelmail/internal/settings"
)

// Fault writes docs/fault.md from the table that decides.
func Fault(w io.Writer, root fs.FS) error {
	names, err := seriesname.Read(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(Generated)
	b.WriteString(`# Why, and whose fault

A share of refused mail says nothing of a server as long as spam is in it. So
` + "`" + settings.Namespace + "_" + names["rejections"] + "`" + ` tells what is *ours* (a full disk, a database that is away, a panic)
from what is *theirs* (an unknown user, a policy, a client that breaks off), and only ours
counts against a service level. The labels ` + "`reason` and `fault`" + `, and the attribute
` + "`email.delivery.reason`" + ` of a delivery that failed, come from this table: the first row that
fits decides.

| of | reason | fault | which means |
|---|---|---|---|
`)
	for _, r := range refusal.Rules() {
		when, fault := "`"+r.When+"`", refusal.Ours
		if r.When == "" {
			when = "all else"
		}
		if r.Theirs {
			fault = refusal.Theirs
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", when, r.Reason, fault, r.Means)
	}
	b.WriteString(`
` + "`x.1.1`" + ` is an enhanced status code of any class (RFC 3463), ` + "`x.1`" + ` its subject, a number a
reply code (RFC 5321 section 4.2.3), a word the cause that a server's own code has given: the
error.type of ` + "`otelmail.Cause`" + `. 5.7.0 with the reply code 530 is a missing AUTH (RFC 4954
section 6). A connection that is refused before its session begins is ` + "`policy`" + ` and theirs
where the address is blocked, ` + "`system`" + ` and ours where the limit of connections is reached.

Where the codes do not say it, say it in the reply: ` + "`otelmail.Reply`" + ` has a field Fault. Through
an adapter, which reads what the server wrote, answer with the enhanced code that RFC 3463
has for it, such as 4.3.0 for trouble of your own. The zero of enhanced codes, x.0.0, says
nothing. Where the server records commands by itself:

` + "```go" + `
command.End(otelmail.Reply{
	Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1},
	Fault: otelmail.FaultOurs, // half of the user table was lost
})
` + "```" + `

Next: [live-api.md](live-api.md), the failures of single messages as JSON.
`)
	_, err = io.WriteString(w, b.String())
	return err
}
