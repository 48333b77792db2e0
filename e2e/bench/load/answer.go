package load

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of envoy.service.auth.v3.CheckResponse and google.rpc.Status.
const (
	fieldStatus = 1
	fieldDenied = 2
	fieldOK     = 3
	fieldCode   = 1
)

var errMessage = errors.New("the answer is not one whole message")

// allowed tells whether a gRPC message is a CheckResponse that lets a request pass
// and says so: a status with the code 0, and an ok_response.
func allowed(data []byte) error {
	if len(data) < grpcPrefix || data[0] != 0 || int(binary.BigEndian.Uint32(data[1:])) != len(data)-grpcPrefix {
		return errMessage
	}
	var status, ok bool
	for m := data[grpcPrefix:]; len(m) > 0; {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return errMessage
		}
		m = m[n:]
		if n = protowire.ConsumeFieldValue(field, kind, m); n < 0 {
			return errMessage
		}
		switch field {
		case fieldStatus:
			value, _ := protowire.ConsumeBytes(m)
			code, err := codeOf(value)
			if err != nil || code != 0 {
				return fmt.Errorf("denied with the code %d: %x", code, data)
			}
			status = true
		case fieldDenied:
			return fmt.Errorf("denied: %x", data)
		case fieldOK:
			ok = true
		}
		m = m[n:]
	}
	if !status || !ok {
		return fmt.Errorf("neither an allow nor a deny: %x", data)
	}
	return nil
}

// codeOf is the code of a google.rpc.Status.
func codeOf(m []byte) (uint64, error) {
	code := uint64(0)
	for len(m) > 0 {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return 0, errMessage
		}
		m = m[n:]
		if field == fieldCode && kind == protowire.VarintType {
			code, n = protowire.ConsumeVarint(m)
		} else {
			n = protowire.ConsumeFieldValue(field, kind, m)
		}
		if n < 0 {
			return 0, errMessage
		}
		m = m[n:]
	}
	return code, nil
}
