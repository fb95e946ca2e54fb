package otelsmtp

import (
	"reflect"

	"github.com/emersion/go-smtp"
)

// copyOf returns a server that is set up as s is: every exported field, as which there are in go-smtp
// depends on its version.
func copyOf(s *smtp.Server) *smtp.Server {
	c := smtp.NewServer(s.Backend)
	from, to := reflect.ValueOf(s).Elem(), reflect.ValueOf(c).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return c
}
