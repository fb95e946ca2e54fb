package prometheus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail/internal/settings"
)

// basicAuth checks one user. bcrypt is slow on purpose, so a flood of guesses
// must not take the mail server's CPU: one comparison runs at a time, a few wait,
// the rest are refused; and credentials that were right once need no comparison.
type basicAuth struct {
	username string
	hash     []byte
	key      []byte                 // random; without it the digest below is useless
	admitted atomic.Pointer[[]byte] // digest of the credentials that were right
	waiting  chan struct{}          // one entry for each request in or before a comparison
	turn     chan struct{}
}

// mostWaiting is how many requests may wait for their comparison, or be in it.
const mostWaiting = 8

// mostCost is the highest bcrypt cost allowed: about 2 s a comparison. With more,
// scrapes would time out.
const mostCost = 15

var bcryptPattern = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

func newBasicAuth(username, hash string) (*basicAuth, error) {
	if username == "" || strings.Contains(username, ":") {
		return nil, settings.Invalid("username", username, `a name that is not empty and has no ":"`)
	}
	// The hash is a secret and stays out of the errors.
	if !bcryptPattern.MatchString(hash) {
		return nil, errors.New(`bcrypt hash: the value given is not allowed: want 60 characters that start with $2a$, $2b$ or $2y$`)
	}
	if cost, err := strconv.Atoi(hash[4:6]); err != nil || cost < bcrypt.MinCost || cost > mostCost {
		return nil, fmt.Errorf("bcrypt hash: cost %s is not allowed: want %d to %d", hash[4:6], bcrypt.MinCost, mostCost)
	}
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a random key: %w", err)
	}
	return &basicAuth{
		username: username,
		hash:     []byte(hash),
		key:      key,
		waiting:  make(chan struct{}, mostWaiting),
		turn:     make(chan struct{}, 1),
	}, nil
}

// protect passes a request on to next if it has the right name and password.
func (a *basicAuth) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		username, password, given := r.BasicAuth()
		if given {
			ok, err := a.check(r.Context(), username, password)
			if err != nil {
				refuse(w, "too many logins at once, try again later")
				return
			}
			if ok {
				next.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="metrics", charset="UTF-8"`)
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
	})
}

var errManyLogins = errors.New("too many logins at once")

// check takes the same time for a wrong name as for a wrong password.
func (a *basicAuth) check(ctx context.Context, username, password string) (bool, error) {
	digest := a.digest(username, password)
	if right := a.admitted.Load(); right != nil && subtle.ConstantTimeCompare(*right, digest) == 1 {
		return true, nil
	}
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return false, errManyLogins
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	wrong := bcrypt.CompareHashAndPassword(a.hash, []byte(password))
	want, got := sha256.Sum256([]byte(a.username)), sha256.Sum256([]byte(username))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || wrong != nil {
		return false, nil
	}
	a.admitted.Store(&digest)
	return true, nil
}

func (a *basicAuth) digest(username, password string) []byte {
	mac := hmac.New(sha256.New, a.key)
	// The length keeps "ab"+"c" apart from "a"+"bc".
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(username))))
	mac.Write([]byte(username))
	mac.Write([]byte(password))
	return mac.Sum(nil)
}
