package load

import "encoding/binary"

// Frame types, flags and settings of RFC 9113, section 6.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingTableSize  = 0x1
	settingMaxStreams = 0x3
	settingWindow     = 0x4
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// appendFrame appends a frame of stream 0.
func appendFrame(to []byte, kind, flags byte, payload []byte) []byte {
	n := len(payload)
	return append(append(to, byte(n>>16), byte(n>>8), byte(n), kind, flags, 0, 0, 0, 0), payload...)
}

// frame is one that was read.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// cut takes a whole frame off the front; nil if there is none yet.
func cut(b []byte) (*frame, []byte) {
	if len(b) < frameHeader {
		return nil, b
	}
	end := frameHeader + (int(b[0])<<16 | int(b[1])<<8 | int(b[2]))
	if len(b) < end {
		return nil, b
	}
	return &frame{kind: b[3], flags: b[4], stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31), payload: b[frameHeader:end]}, b[end:]
}

func appendWindowUpdate(to []byte, by uint32) []byte {
	return appendFrame(to, frameWindowUpdate, 0, binary.BigEndian.AppendUint32(nil, by))
}
