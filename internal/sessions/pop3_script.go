package sessions

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// pop3Script is what a POP3 client says: a login that may fail, then anything.
func pop3Script(rng *rand.Rand, server *Server) (units []unit) {
	say := func(line string) { units = append(units, unit{text: line + "\r\n"}) }
	stls := func(line string) { units = append(units, unit{text: line + "\r\n", upgrade: true}) }
	number := func() string {
		return pick(rng, "1", "2", "3", "0", "-1", "999", "x", "", " 1", "1 ", "99999999999999999999")
	}
	login := func() {
		say(pick(rng, "USER "+server.User, "USER "+server.User, "user "+server.User, "USER nobody", "USER", "USER a b"))
		say(pick(rng, "PASS "+server.Password, "PASS "+server.Password, "pass "+server.Password, "PASS wrong", "PASS", "PASS a b c"))
	}
	anything := []func(){
		login,
		func() { say("NOOP") }, func() { say("STAT") }, func() { say("RSET") }, func() { say("CAPA") },
		func() { say("LIST") }, func() { say("UIDL") }, func() { say("LIST ") }, func() { say("UIDL ") },
		func() { say("LIST " + number()) }, func() { say("UIDL " + number()) },
		func() { say("RETR " + number()) }, func() { say("RETR 1") }, func() { say("DELE " + number()) },
		func() { say("TOP " + number() + " " + number()) }, func() { say("TOP 1 1") },
		func() { say("APOP " + server.User + " 0123456789abcdef") }, func() { say("APOP") },
		func() { say("AUTH"); say("AUTH PLAIN"); say("AGEAYg=="); say("AUTH LOGIN"); say("*") },
		func() { stls("STLS now") }, // some servers do not mind
		func() { say("STLS\r\nNOOP") },
		func() { say(junk(rng)) },
	}
	if server.Mode == StartTLS {
		for range rng.IntN(3) {
			anything[rng.IntN(len(anything))]()
		}
		stls(pick(rng, "STLS", "stls"))
	} else if rng.IntN(10) == 0 {
		stls("STLS")
	}
	login()
	for range rng.IntN(12) {
		anything[rng.IntN(len(anything))]()
	}
	if rng.IntN(4) > 0 {
		say(pick(rng, "QUIT", "quit", "QUIT now"))
	}
	if rng.IntN(10) == 0 {
		say("NOOP")
	}
	return units
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

// junk is a line that no protocol knows.
func junk(rng *rand.Rand) string {
	switch rng.IntN(9) {
	case 0:
		return ""
	case 1:
		return " "
	case 2:
		return strings.Repeat("x", rng.IntN(3000))
	case 3:
		return "NOOP " + strings.Repeat("y", rng.IntN(6000))
	case 4:
		b := make([]byte, rng.IntN(40))
		for i := range b {
			if b[i] = byte(rng.IntN(256)); b[i] == '\n' || b[i] == '\r' {
				b[i] = 0
			}
		}
		return string(b)
	case 5:
		return "  NOOP"
	case 6:
		return "GET / HTTP/1.1"
	case 7:
		return fmt.Sprintf("XYZZY%d", rng.IntN(10))
	}
	return pick(rng, ".", "*", "\t", "NOOP\t", "no op", "+OK", "-ERR", "250 ok", "a1 NOOP")
}
