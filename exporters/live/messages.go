package live

import (
	"net/http"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// messages answers what has happened to mail.
type messages struct{ store *life.Store }

// register adds
//
//	POST /api/v1/messages   {"query":"…","limit":20}
//	GET  /api/v1/failures   ?event= &protocol= &stage= &reason= &domain= &fault= &limit=
func (m messages) register(mux *http.ServeMux) {
	mux.HandleFunc("/api/v1/messages", m.search)
	mux.HandleFunc("/api/v1/failures", m.failures)
}

func (m messages) search(w http.ResponseWriter, _ *http.Request)   { http.NotFound(w, nil) }
func (m messages) failures(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }
