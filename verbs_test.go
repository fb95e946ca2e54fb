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
)

// Every command has its name in any case and its span; whatever else a stranger sends
// is _OTHER.
func TestSMTPVerbs(t *testing.T) {
	checkVerbs(t, "SMTP", otelmail.ParseSMTPVerb, map[otelmail.SMTPVerb]string{
		otelmail.SMTPHelo: "HELO", otelmail.SMTPEhlo: "EHLO", otelmail.SMTPLhlo: "LHLO", otelmail.SMTPMail: "MAIL",
		otelmail.SMTPRcpt: "RCPT", otelmail.SMTPData: "DATA", otelmail.SMTPBdat: "BDAT", otelmail.SMTPBurl: "BURL",
		otelmail.SMTPRset: "RSET", otelmail.SMTPVrfy: "VRFY", otelmail.SMTPExpn: "EXPN", otelmail.SMTPHelp: "HELP",
		otelmail.SMTPNoop: "NOOP", otelmail.SMTPQuit: "QUIT", otelmail.SMTPAuth: "AUTH", otelmail.SMTPStartTLS: "STARTTLS",
	}, func(tel *otelmail.Telemetry, v otelmail.SMTPVerb) {
		tel.SMTP.Command(t.Context(), v).End(otelmail.Reply{Code: 250})
	})
}

func TestIMAPVerbs(t *testing.T) {
	checkVerbs(t, "IMAP", otelmail.ParseIMAPVerb, map[otelmail.IMAPVerb]string{
		otelmail.IMAPCapability: "CAPABILITY", otelmail.IMAPNoop: "NOOP", otelmail.IMAPLogout: "LOGOUT",
		otelmail.IMAPStartTLS: "STARTTLS", otelmail.IMAPAuthenticate: "AUTHENTICATE", otelmail.IMAPLogin: "LOGIN",
		otelmail.IMAPEnable: "ENABLE", otelmail.IMAPSelect: "SELECT", otelmail.IMAPExamine: "EXAMINE", otelmail.IMAPCreate: "CREATE",
		otelmail.IMAPDelete: "DELETE", otelmail.IMAPRename: "RENAME", otelmail.IMAPSubscribe: "SUBSCRIBE",
		otelmail.IMAPUnsubscribe: "UNSUBSCRIBE", otelmail.IMAPList: "LIST", otelmail.IMAPLsub: "LSUB",
		otelmail.IMAPNamespace: "NAMESPACE", otelmail.IMAPStatus: "STATUS", otelmail.IMAPAppend: "APPEND",
		otelmail.IMAPIdle: "IDLE", otelmail.IMAPCheck: "CHECK", otelmail.IMAPClose: "CLOSE", otelmail.IMAPUnselect: "UNSELECT",
		otelmail.IMAPExpunge: "EXPUNGE", otelmail.IMAPSearch: "SEARCH", otelmail.IMAPSort: "SORT", otelmail.IMAPThread: "THREAD",
		otelmail.IMAPFetch: "FETCH", otelmail.IMAPStore: "STORE", otelmail.IMAPCopy: "COPY", otelmail.IMAPMove: "MOVE",
		otelmail.IMAPID: "ID", otelmail.IMAPUnauthenticate: "UNAUTHENTICATE", otelmail.IMAPGetQuota: "GETQUOTA",
		otelmail.IMAPGetQuotaRoot: "GETQUOTAROOT", otelmail.IMAPGetACL: "GETACL", otelmail.IMAPMyRights: "MYRIGHTS",
		otelmail.IMAPGetMetadata: "GETMETADATA", otelmail.IMAPSetMetadata: "SETMETADATA",
	}, func(tel *otelmail.Telemetry, v otelmail.IMAPVerb) {
		tel.IMAP.Command(t.Context(), v, otelmail.IMAPFacts{}).End(otelmail.IMAPOK, otelmail.CauseNone)
	})
}

func TestPOP3Verbs(t *testing.T) {
	checkVerbs(t, "POP3", otelmail.ParsePOP3Verb, map[otelmail.POP3Verb]string{
		otelmail.POP3User: "USER", otelmail.POP3Pass: "PASS", otelmail.POP3Apop: "APOP", otelmail.POP3Auth: "AUTH",
		otelmail.POP3Stat: "STAT", otelmail.POP3List: "LIST", otelmail.POP3Retr: "RETR", otelmail.POP3Dele: "DELE",
		otelmail.POP3Noop: "NOOP", otelmail.POP3Rset: "RSET", otelmail.POP3Quit: "QUIT", otelmail.POP3Top: "TOP",
		otelmail.POP3Uidl: "UIDL", otelmail.POP3Capa: "CAPA", otelmail.POP3Stls: "STLS",
	}, func(tel *otelmail.Telemetry, v otelmail.POP3Verb) {
		tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(v).End(true, otelmail.CauseNone)
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
		c := tel.SMTP.Command(t.Context(), otelmail.ParseSMTPVerb(word))
		c.Mechanism(word)
		c.End(otelmail.Reply{Code: 550, Text: word})
		tel.IMAP.Command(t.Context(), otelmail.ParseIMAPVerb(word), otelmail.IMAPFacts{}).EndCode(otelmail.IMAPNo, word)
		tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(otelmail.ParsePOP3Verb(word)).End(true, otelmail.CauseNone)
		tel.JMAP.Call(t.Context(), otelmail.JMAPFacts{Method: word}).End(word)
		tel.Mail.Process(t.Context(), otelmail.MessageFacts{Direction: word}).End(otelmail.FateError, otelmail.CauseOf(errors.New(word)))
		for _, s := range rec.Ended() {
			for key, value := range attrs(s) {
				if text := s.Name() + key + value; strings.Contains(strings.ToLower(text), canary) {
					t.Errorf("%q became %s: %s=%q", word, s.Name(), key, value)
				}
			}
		}
	})
}
