package encode

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrReply is what ReadReply returns of what is no reply.
var ErrReply = errors.New("it is not a reply of OTLP in protobuf")

// ReadReply reads the reply to a request of any signal: how many of its items were rejected,
// and what the receiver says about it. All three have the same fields.
func ReadReply(reply []byte) (rejected int64, text string, err error) {
	partial, err := fields(reply)
	if err != nil {
		return 0, "", err
	}
	inner, err := fields(partial.bytes[1])
	return int64(inner.varints[1]), string(inner.bytes[2]), err
}

// read are the fields of a message that may hold what is asked for, the last of each.
type read struct {
	bytes   map[protowire.Number][]byte
	varints map[protowire.Number]uint64
}

func fields(m []byte) (read, error) {
	all := read{map[protowire.Number][]byte{}, map[protowire.Number]uint64{}}
	for len(m) > 0 {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return all, ErrReply
		}
		value := m[n:]
		switch kind {
		case protowire.BytesType:
			all.bytes[field], n = protowire.ConsumeBytes(value)
		case protowire.VarintType:
			all.varints[field], n = protowire.ConsumeVarint(value)
		default:
			n = protowire.ConsumeFieldValue(field, kind, value)
		}
		if n < 0 {
			return all, ErrReply
		}
		m = value[n:]
	}
	return all, nil
}
