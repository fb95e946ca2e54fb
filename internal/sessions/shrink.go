package sessions

import "slices"

func length(units []unit) (all int) {
	for _, u := range units {
		all += len(u.text)
	}
	return all
}

// without is s without some of its units.
func (s script) without(from, to int) script {
	if s.cut >= 0 {
		said := min(s.cut, length(s.units[:to])) - min(s.cut, length(s.units[:from]))
		s.cut -= said
	}
	s.units = slices.Delete(slices.Clone(s.units), from, to)
	return s
}

// maxTries bounds how often a session is said to shorten it.
const maxTries = 150

// shrink looks for a shorter session in which the same is wrong as in one that was found, and
// returns what it has found of the shortest, or of s if there is none.
func (server *Server) shrink(s script, found Difference) (units int, wrong []Wrong, dialogue string) {
	units, wrong, dialogue = len(s.units), found.Wrong, found.Dialogue
	tries := 0
	shows := func(shorter script) bool {
		if tries++; tries > maxTries {
			return false
		}
		var r Report
		what, still, err := r.try(server, shorter, server.grace()/10)
		if err != nil || !alike(still, found.Wrong) {
			return false
		}
		wrong, dialogue = still, what.String()
		return true
	}
	for _, simpler := range []func(*script){
		func(s *script) { s.lie = false },
		func(s *script) { s.cut = -1 },
		func(s *script) { s.ending = politely },
		func(s *script) { s.manner = listening },
	} {
		next := s
		if simpler(&next); shows(next) {
			s = next
		}
	}
	for size := len(s.units); size > 0; size /= 2 {
		for from := 0; from < len(s.units); {
			next := s.without(from, min(from+size, len(s.units)))
			if shows(next) {
				s = next
			} else {
				from += size
			}
		}
	}
	// Once more, with all the time that the first had.
	var r Report
	what, still, err := r.try(server, s, server.grace())
	if err != nil || !alike(still, found.Wrong) {
		return units, found.Wrong, found.Dialogue
	}
	return len(s.units), still, what.String()
}

// alike reports whether the first of what was wrong still is, in the same way.
func alike(now, found []Wrong) bool {
	return slices.ContainsFunc(now, func(w Wrong) bool { return w.like(found[0]) })
}
