package reach_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/reach"
)

func access(args []string, variable string) (*reach.Access, error) {
	var a reach.Access
	set := flag.NewFlagSet("", flag.ContinueOnError)
	a.Flag(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	return &a, a.Read(func(name string) string {
		return map[string]string{reach.Variable: variable}[name]
	})
}

// TestCredentials come from a file, else from a variable, and are in no error.
func TestCredentials(t *testing.T) {
	var user, password string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { user, password, _ = r.BasicAuth() }))
	defer server.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{"auth": "ann:open: sesame\r\n", "empty": "\n", "word": "sesame"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) []string { return []string{"--auth-file", filepath.Join(dir, name)} }
	for name, tt := range map[string]struct {
		args       []string
		variable   string
		user, want string // want of the error; "" for none
	}{
		"file":                   {file("auth"), "", "ann", ""},
		"variable":               {nil, "ann:open: sesame", "ann", ""},
		"the file wins":          {file("auth"), "bob:wrong", "ann", ""},
		"none":                   {nil, "", "", ""},
		"no colon":               {nil, "sesame", "", "OTELMAIL_AUTH: the value given is not allowed: want USER:PASSWORD"},
		"no user":                {nil, ":sesame", "", "OTELMAIL_AUTH: the value given is not allowed: want USER:PASSWORD"},
		"no colon in the file":   {file("word"), "", "", "word: the value given is not allowed: want USER:PASSWORD"},
		"an empty file is wrong": {file("empty"), "ann:open: sesame", "", "empty: the value given is not allowed: want USER:PASSWORD"},
		"no file":                {file("none"), "ann:open: sesame", "", "--auth-file: open "},
	} {
		a, err := access(tt.args, tt.variable)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sesame")) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil {
			continue
		}
		user, password = "", ""
		res, err := a.Client(time.Minute).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if user != tt.user || user != "" && password != "open: sesame" {
			t.Errorf("%s: asks as %q with %q", name, user, password)
		}
	}
}

// TestRedirects are not followed: neither the credentials nor what is searched for are for
// another server.
func TestRedirects(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	a, err := access(nil, "ann:sesame")
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.Client(time.Minute).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if asked || res.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%d, asked the other: %v", res.StatusCode, asked)
	}
}

func TestServer(t *testing.T) {
	for value, want := range map[string]string{
		"http://127.0.0.1:9090":                "",
		"https://mail.example/admin/mail/":     "",
		"http://[::1]:9090":                    "",
		"mail.example":                         `--server: "mail.example" is not allowed: want http://HOST:PORT or https://HOST:PORT`,
		"":                                     `--server: "" is not allowed`,
		"ftp://mail.example":                   `--server: "ftp://mail.example" is not allowed`,
		"http://mail.example/?query=Q1":        "is not allowed",
		"https://ann:sesame@mail.example":      "no user and password belong into it",
		"ftp://ann:sesame@mail.example":        "want them in --auth-file or OTELMAIL_AUTH",
		"https://ann:ses%zzame@mail.example:x": "no user and password belong into it",
	} {
		_, err := reach.Server(value)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame")) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
}
