package otelimap_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/instrumentation/otelimap/internal/combine"
)

// The optional methods, each in a type of its own.
type (
	withNamespace      struct{}
	withMove           struct{}
	withSASL           struct{}
	withUnauthenticate struct{}
	withAppendLimit    struct{}
)

func (withNamespace) Namespace() (*imap.NamespaceData, error)           { return nil, nil }
func (withMove) Move(*imapserver.MoveWriter, imap.NumSet, string) error { return nil }
func (withSASL) AuthenticateMechanisms() []string                       { return []string{"X"} }
func (withSASL) Authenticate(string) (sasl.Server, error)               { return nil, nil }
func (withUnauthenticate) Unauthenticate() error                        { return nil }
func (withAppendLimit) AppendLimit() uint32                             { return 17 }

// interfaces are all interfaces that go-imap looks for, with how to.
var interfaces = map[string]func(imapserver.Session) bool{
	"IMAP4rev2":      func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionIMAP4rev2); return ok },
	"Namespace":      func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionNamespace); return ok },
	"Move":           func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionMove); return ok },
	"SASL":           func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionSASL); return ok },
	"Unauthenticate": func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionUnauthenticate); return ok },
	"AppendLimit":    func(s imapserver.Session) bool { _, ok := s.(imapserver.SessionAppendLimit); return ok },
}

// The wrapper has an optional interface exactly when the session has it, in all
// 32 combinations.
func TestOptionalInterfaces(t *testing.T) {
	all := combinations(&backend{})
	if len(all) != 32 {
		t.Fatalf("%d combinations, want 32", len(all))
	}
	seen := map[string]bool{}
	for _, inner := range all {
		wrapped := wrapOne(t, otelmail.Noop(), inner)
		for name, has := range interfaces {
			want := has(inner)
			if got := has(wrapped); got != want {
				t.Errorf("%T: the wrapper is a Session%s: %v, want %v", inner, name, got, want)
			}
		}
		seen[fmt.Sprintf("%T", inner)] = true
		if s, ok := wrapped.(imapserver.SessionAppendLimit); ok && s.AppendLimit() != 17 {
			t.Errorf("%T: the limit is %d, want 17", inner, s.AppendLimit())
		}
		if s, ok := wrapped.(imapserver.SessionSASL); ok && fmt.Sprint(s.AuthenticateMechanisms()) != "[X]" {
			t.Errorf("%T: mechanisms %v, want [X]", inner, s.AuthenticateMechanisms())
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d different combinations, want 32", len(seen))
	}
}

// wrapOne wraps a session on a connection of its own.
func wrapOne(t *testing.T, tel *otelmail.Telemetry, inner imapserver.Session) imapserver.Session {
	t.Helper()
	sessions := make(chan imapserver.Session, 1)
	wrapped := otelimap.Wrap(tel, serve(inner))
	w := newWorld(t, setup{wrapped: func(*otelmail.Telemetry) otelimap.NewSession {
		return func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			s, greeting, err := wrapped(c)
			sessions <- s
			return s, greeting, err
		}
	}})
	w.dial()
	return <-sessions
}

func TestCombinationsAreGenerated(t *testing.T) {
	want, err := combine.Source()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("combinations.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("combinations.go is not what go generate writes")
	}
}

// combinations are sessions with every set of optional interfaces.
func combinations(b *backend) []imapserver.Session {
	return []imapserver.Session{
		struct{ *backend }{b},
		struct {
			*backend
			withNamespace
		}{b, withNamespace{}},
		struct {
			*backend
			withMove
		}{b, withMove{}},
		struct {
			*backend
			withNamespace
			withMove
		}{b, withNamespace{}, withMove{}},
		struct {
			*backend
			withSASL
		}{b, withSASL{}},
		struct {
			*backend
			withNamespace
			withSASL
		}{b, withNamespace{}, withSASL{}},
		struct {
			*backend
			withMove
			withSASL
		}{b, withMove{}, withSASL{}},
		struct {
			*backend
			withNamespace
			withMove
			withSASL
		}{b, withNamespace{}, withMove{}, withSASL{}},
		struct {
			*backend
			withUnauthenticate
		}{b, withUnauthenticate{}},
		struct {
			*backend
			withNamespace
			withUnauthenticate
		}{b, withNamespace{}, withUnauthenticate{}},
		struct {
			*backend
			withMove
			withUnauthenticate
		}{b, withMove{}, withUnauthenticate{}},
		struct {
			*backend
			withNamespace
			withMove
			withUnauthenticate
		}{b, withNamespace{}, withMove{}, withUnauthenticate{}},
		struct {
			*backend
			withSASL
			withUnauthenticate
		}{b, withSASL{}, withUnauthenticate{}},
		struct {
			*backend
			withNamespace
			withSASL
			withUnauthenticate
		}{b, withNamespace{}, withSASL{}, withUnauthenticate{}},
		struct {
			*backend
			withMove
			withSASL
			withUnauthenticate
		}{b, withMove{}, withSASL{}, withUnauthenticate{}},
		struct {
			*backend
			withNamespace
			withMove
			withSASL
			withUnauthenticate
		}{b, withNamespace{}, withMove{}, withSASL{}, withUnauthenticate{}},
		struct {
			*backend
			withAppendLimit
		}{b, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withAppendLimit
		}{b, withNamespace{}, withAppendLimit{}},
		struct {
			*backend
			withMove
			withAppendLimit
		}{b, withMove{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withMove
			withAppendLimit
		}{b, withNamespace{}, withMove{}, withAppendLimit{}},
		struct {
			*backend
			withSASL
			withAppendLimit
		}{b, withSASL{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withSASL
			withAppendLimit
		}{b, withNamespace{}, withSASL{}, withAppendLimit{}},
		struct {
			*backend
			withMove
			withSASL
			withAppendLimit
		}{b, withMove{}, withSASL{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withMove
			withSASL
			withAppendLimit
		}{b, withNamespace{}, withMove{}, withSASL{}, withAppendLimit{}},
		struct {
			*backend
			withUnauthenticate
			withAppendLimit
		}{b, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withUnauthenticate
			withAppendLimit
		}{b, withNamespace{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withMove
			withUnauthenticate
			withAppendLimit
		}{b, withMove{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withMove
			withUnauthenticate
			withAppendLimit
		}{b, withNamespace{}, withMove{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withSASL
			withUnauthenticate
			withAppendLimit
		}{b, withSASL{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withSASL
			withUnauthenticate
			withAppendLimit
		}{b, withNamespace{}, withSASL{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withMove
			withSASL
			withUnauthenticate
			withAppendLimit
		}{b, withMove{}, withSASL{}, withUnauthenticate{}, withAppendLimit{}},
		struct {
			*backend
			withNamespace
			withMove
			withSASL
			withUnauthenticate
			withAppendLimit
		}{b, withNamespace{}, withMove{}, withSASL{}, withUnauthenticate{}, withAppendLimit{}},
	}
}
