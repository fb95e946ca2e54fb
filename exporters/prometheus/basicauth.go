package prometheus

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail/internal/settings"
)

// users are bcrypt hashes by name.
type users map[string]string

// mostCost is the highest bcrypt cost allowed: about 2 s a comparison. With more,
// scrapes would time out.
const mostCost = 15

var bcryptPattern = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

func checkUser(username, hash string) error {
	if username == "" || strings.Contains(username, ":") {
		return settings.Invalid("username", username, `a name that is not empty and has no ":"`)
	}
	// The hash is a secret and stays out of the errors.
	if !bcryptPattern.MatchString(hash) {
		return errors.New(`bcrypt hash: the value given is not allowed: want 60 characters that start with $2a$, $2b$ or $2y$`)
	}
	if cost, err := strconv.Atoi(hash[4:6]); err != nil || cost < bcrypt.MinCost || cost > mostCost {
		return fmt.Errorf("bcrypt hash: cost %s is not allowed: want %d to %d", hash[4:6], bcrypt.MinCost, mostCost)
	}
	return nil
}

// credentials are what a request brings, with what it must match. A wrong name takes as
// long as a wrong password: it is compared too, with the hash of another.
func (u users) credentials(r *http.Request) (c credentials, given bool) {
	c.username, c.password, given = r.BasicAuth()
	if c.hash, c.known = u[c.username]; !c.known {
		c.hash = u[slices.Min(slices.Collect(maps.Keys(u)))]
	}
	return c, given
}

// protected passes a request on to next if it brings the name and password of one of u.
func (s *Server) protected(u users, w http.ResponseWriter, r *http.Request, next http.Handler) {
	c, given := u.credentials(r)
	verdict := wrong
	if given {
		verdict = s.logins.check(r.Context(), originOf(r.RemoteAddr), c)
	}
	trust(r.Context(), verdict == right)
	switch {
	case verdict == right:
		next.ServeHTTP(w, r)
	case verdict == refused:
		s.problems.add(problem{reasonLogin, errors.New("logins are refused: too many to verify their passwords")})
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many logins at once, try again later", http.StatusTooManyRequests)
	default:
		if given {
			s.problems.add(problem{reasonPassword, errors.New("a login with a wrong name or password")})
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="metrics", charset="UTF-8"`)
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
	}
}
