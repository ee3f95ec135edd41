package conformance

import (
	"encoding/binary"
	"fmt"
)

// The little CBOR (RFC 8949) that an authenticator writes: integers, texts, byte
// strings, lists, and maps in the order that they are given in.

// pair is an entry of a map.
type pair struct{ key, value any }

// cborMap keeps its order, which the canonical form of CTAP2 prescribes.
type cborMap []pair

// cborRaw is CBOR already, or what somebody sends as such.
type cborRaw []byte

// cborOf encodes int, string, []byte, bool, []any, cborMap and cborRaw.
func cborOf(value any) []byte {
	switch v := value.(type) {
	case cborRaw:
		return v
	case int:
		if v < 0 {
			return cborHead(1, uint64(-1-v))
		}
		return cborHead(0, uint64(v))
	case []byte:
		return append(cborHead(2, uint64(len(v))), v...)
	case string:
		return append(cborHead(3, uint64(len(v))), v...)
	case []any:
		out := cborHead(4, uint64(len(v)))
		for _, element := range v {
			out = append(out, cborOf(element)...)
		}
		return out
	case cborMap:
		out := cborHead(5, uint64(len(v)))
		for _, p := range v {
			out = append(append(out, cborOf(p.key)...), cborOf(p.value)...)
		}
		return out
	case bool:
		if v {
			return []byte{0xf5}
		}
		return []byte{0xf4}
	}
	panic(fmt.Sprintf("CBOR of %T", value))
}

// cborHead is the major type with the shortest form of a number.
func cborHead(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
}
