package health

import "time"

// Ready reports what /ready answers now, without a request; why is "" when ready, else
// "starting", "draining" or "check".
func (r *Registry) Ready() (ready bool, why string) {
	ready, body := r.ready(time.Now())
	return ready, body.Reason
}
