package otlp

import (
	"errors"
	"net/url"
	"strings"

	"google.golang.org/grpc/status"
)

// explain words why a batch was not delivered. The wrapping that net/http, gRPC
// and the stock exporters add repeats the endpoint, which our own errors name
// already.
func explain(err error) string {
	var web *url.Error
	if errors.As(err, &web) {
		err = web.Err
	}
	text := err.Error()
	var call interface{ GRPCStatus() *status.Status }
	if errors.As(err, &call) {
		s := call.GRPCStatus()
		full := s.Err().Error()
		text = strings.Replace(text, full, s.Code().String()+": "+s.Message(), 1)
	}
	return cut(text, 600)
}
