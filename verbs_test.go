package otelmail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// Every command has its name in any case and its span; whatever else a stranger sends
// is _OTHER.
func TestSMTPVerbs(t *testing.T) {
	checkVerbs(t, "SMTP", mailconv.ParseSMTPVerb, map[mailconv.SMTPVerb]string{
		mailconv.SMTPHelo: "HELO", mailconv.SMTPEhlo: "EHLO", mailconv.SMTPLhlo: "LHLO", mailconv.SMTPMail: "MAIL",
		mailconv.SMTPRcpt: "RCPT", mailconv.SMTPData: "DATA", mailconv.SMTPBdat: "BDAT", mailconv.SMTPBurl: "BURL",
		mailconv.SMTPRset: "RSET", mailconv.SMTPVrfy: "VRFY", mailconv.SMTPExpn: "EXPN", mailconv.SMTPHelp: "HELP",
		mailconv.SMTPNoop: "NOOP", mailconv.SMTPQuit: "QUIT", mailconv.SMTPAuth: "AUTH", mailconv.SMTPStartTLS: "STARTTLS",
	}, func(tel *otelmail.Telemetry, v mailconv.SMTPVerb) {
		otelmail.BeginSMTPCommand(t.Context(), tel, v).End(otelmail.Reply{Code: 250})
	})
}

func TestIMAPVerbs(t *testing.T) {
	checkVerbs(t, "IMAP", mailconv.ParseIMAPVerb, map[mailconv.IMAPVerb]string{
		mailconv.IMAPCapability: "CAPABILITY", mailconv.IMAPNoop: "NOOP", mailconv.IMAPLogout: "LOGOUT",
		mailconv.IMAPStartTLS: "STARTTLS", mailconv.IMAPAuthenticate: "AUTHENTICATE", mailconv.IMAPLogin: "LOGIN",
		mailconv.IMAPEnable: "ENABLE", mailconv.IMAPSelect: "SELECT", mailconv.IMAPExamine: "EXAMINE", mailconv.IMAPCreate: "CREATE",
		mailconv.IMAPDelete: "DELETE", mailconv.IMAPRename: "RENAME", mailconv.IMAPSubscribe: "SUBSCRIBE",
		mailconv.IMAPUnsubscribe: "UNSUBSCRIBE", mailconv.IMAPList: "LIST", mailconv.IMAPLsub: "LSUB",
		mailconv.IMAPNamespace: "NAMESPACE", mailconv.IMAPStatus: "STATUS", mailconv.IMAPAppend: "APPEND",
		mailconv.IMAPIdle: "IDLE", mailconv.IMAPCheck: "CHECK", mailconv.IMAPClose: "CLOSE", mailconv.IMAPUnselect: "UNSELECT",
		mailconv.IMAPExpunge: "EXPUNGE", mailconv.IMAPSearch: "SEARCH", mailconv.IMAPSort: "SORT", mailconv.IMAPThread: "THREAD",
		mailconv.IMAPFetch: "FETCH", mailconv.IMAPStore: "STORE", mailconv.IMAPCopy: "COPY", mailconv.IMAPMove: "MOVE",
		mailconv.IMAPID: "ID", mailconv.IMAPUnauthenticate: "UNAUTHENTICATE", mailconv.IMAPGetQuota: "GETQUOTA",
		mailconv.IMAPGetQuotaRoot: "GETQUOTAROOT", mailconv.IMAPGetACL: "GETACL", mailconv.IMAPMyRights: "MYRIGHTS",
		mailconv.IMAPGetMetadata: "GETMETADATA", mailconv.IMAPSetMetadata: "SETMETADATA",
	}, func(tel *otelmail.Telemetry, v mailconv.IMAPVerb) {
		otelmail.BeginIMAPCommand(t.Context(), tel, v).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	})
}

func TestPOP3Verbs(t *testing.T) {
	checkVerbs(t, "POP3", mailconv.ParsePOP3Verb, map[mailconv.POP3Verb]string{
		mailconv.POP3User: "USER", mailconv.POP3Pass: "PASS", mailconv.POP3Apop: "APOP", mailconv.POP3Auth: "AUTH",
		mailconv.POP3Stat: "STAT", mailconv.POP3List: "LIST", mailconv.POP3Retr: "RETR", mailconv.POP3Dele: "DELE",
		mailconv.POP3Noop: "NOOP", mailconv.POP3Rset: "RSET", mailconv.POP3Quit: "QUIT", mailconv.POP3Top: "TOP",
		mailconv.POP3Uidl: "UIDL", mailconv.POP3Capa: "CAPA", mailconv.POP3Stls: "STLS",
	}, func(tel *otelmail.Telemetry, v mailconv.POP3Verb) {
		tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(v).End(otelmail.POP3Reply{OK: true})
	})
}

// verb is one of the three types.
type verb interface {
	~uint8
	fmt.Stringer
}

func checkVerbs[V verb](t *testing.T, protocol string, parse func(string) V, names map[V]string, do func(*otelmail.Telemetry, V)) {
	t.Helper()
	tel, rec := traced(t)
	span := func(v V) sdktrace.ReadOnlySpan {
		do(tel, v)
		ended := rec.Ended()
		return ended[len(ended)-1]
	}
	key := strings.ToLower(protocol) + ".command"
	check := func(v V, name string) {
		t.Helper()
		if v.String() != name {
			t.Errorf("%d is %q, want %q", uint8(v), v.String(), name)
		}
		s := span(v)
		checkName(t, s, protocol+" "+name, trace.SpanKindServer)
		if got := attrs(s)[key]; got != name {
			t.Errorf("%s: %s is %q", s.Name(), key, got)
		}
	}
	for v := range V(255) {
		name, known := names[v]
		if !known {
			check(v, "_OTHER")
			continue
		}
		check(v, name)
		for _, word := range []string{name, strings.ToLower(name), strings.ToLower(name[:1]) + name[1:]} {
			if got := parse(word); got != v {
				t.Errorf("%q is read as %v", word, got)
			}
		}
		for _, word := range []string{name + "X", name[:1] + "\x00" + name[1:], " " + name, name + "\r"} {
			if got := parse(word); got != 0 {
				t.Errorf("%q is read as %v", word, got)
			}
		}
	}
	for _, word := range []string{"", "_OTHER", "_other", "\xff\xfe", strings.Repeat("A", 1<<16), "\u017fTARTTLS", "\u212aick"} {
		if got := parse(word); got != 0 {
			t.Errorf("%.20q is read as %v", word, got)
		}
	}
}

// FuzzVerbs has a stranger choose the words that commands, their spans and their errors
// are named after: none of them comes out.
func FuzzVerbs(f *testing.F) {
	const canary = "qxyzzyq"
	for _, word := range []string{"RCPT", "starttls", " OVERQUOTA", "", "\xff", "\u017fTLS", "SCRAM-SHA-1", "Email/get"} {
		f.Add(word)
	}
	rec := tracetest.NewSpanRecorder()
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, word string) {
		defer rec.Reset()
		word = canary + word
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.ParseSMTPVerb(word))
		c.Note(otelmail.SMTPFacts{Mechanism: word})
		c.End(otelmail.Reply{Code: 550, Text: word})
		otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.ParseIMAPVerb(word)).End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: word})
		tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(mailconv.ParsePOP3Verb(word)).End(otelmail.POP3Reply{OK: true})
		tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: word}).End(word)
		tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(otelmail.FateError, otelmail.CauseOf(errors.New(word)))
		for _, s := range rec.Ended() {
			for key, value := range attrs(s) {
				if text := s.Name() + key + value; strings.Contains(strings.ToLower(text), canary) {
					t.Errorf("%q became %s: %s=%q", word, s.Name(), key, value)
				}
			}
		}
	})
}
