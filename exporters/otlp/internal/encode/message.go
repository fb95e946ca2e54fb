// Package encode writes spans, log records and metrics as requests of OTLP, in protobuf.
//
// OpenTelemetry's exporters do not export how they do that, and the Go packages of OTLP's
// requests import gRPC, which a program that pushes over HTTP has no use for. The numbers of
// fields here are those of opentelemetry-proto; tests compare each request with what
// OpenTelemetry's exporters make of the same telemetry.
package encode

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is what is written of a message. As in proto3 a field with its default is left
// out, except where the name of a method says always.
type message []byte

// begin begins a message in a field; end ends it, with what begin returned.
func (m *message) begin(field protowire.Number) (at int) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = append(*m, 0) // its length, which is not known yet
	return len(*m)
}

func (m *message) end(at int) {
	n := uint64(len(*m) - at)
	if more := protowire.SizeVarint(n) - 1; more > 0 {
		*m = append(*m, make([]byte, more)...)
		copy((*m)[at+more:], (*m)[at:])
	}
	protowire.AppendVarint((*m)[:at-1], n)
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.textAlways(field, s)
	}
}

// textAlways mends what is not UTF-8: a receiver refuses a request for one such byte.
func (m *message) textAlways(field protowire.Number, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), s)
}

func (m *message) bytes(field protowire.Number, b []byte) {
	if len(b) > 0 {
		m.bytesAlways(field, b)
	}
}

func (m *message) bytesAlways(field protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

func (m *message) varint(field protowire.Number, n uint64) {
	if n != 0 {
		m.varintAlways(field, n)
	}
}

func (m *message) varintAlways(field protowire.Number, n uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), n)
}

// zigzag writes a sint32.
func (m *message) zigzag(field protowire.Number, n int32) {
	m.varint(field, protowire.EncodeZigZag(int64(n)))
}

func (m *message) boolean(field protowire.Number, b bool) { m.varint(field, protowire.EncodeBool(b)) }

func (m *message) fixed32(field protowire.Number, n uint32) {
	if n != 0 {
		*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), n)
	}
}

func (m *message) fixed64(field protowire.Number, n uint64) {
	if n != 0 {
		m.fixed64Always(field, n)
	}
}

func (m *message) fixed64Always(field protowire.Number, n uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), n)
}

func (m *message) double(field protowire.Number, f float64) { m.fixed64(field, math.Float64bits(f)) }

func (m *message) doubleAlways(field protowire.Number, f float64) {
	m.fixed64Always(field, math.Float64bits(f))
}

// time writes nanoseconds since 1970, and nothing for what was before.
func (m *message) time(field protowire.Number, t time.Time) {
	m.fixed64(field, uint64(max(0, t.UnixNano())))
}

// count writes a number as an uint32, as near to it as one can be.
func (m *message) count(field protowire.Number, n int) {
	m.varint(field, uint64(min(max(0, int64(n)), math.MaxUint32)))
}
