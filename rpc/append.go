package rpc

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"shoal/metainfo"
)

// appendString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + n
			}
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

func appendInt[N int | int64 | int8 | uint8 | uint16](b []byte, n N) []byte {
	return strconv.AppendInt(b, int64(n), 10)
}

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// appendFloat appends up to four decimals; what JSON has no word for is 0.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	return strconv.AppendFloat(b, math.Round(f*1e4)/1e4, 'f', -1, 64)
}

// appendUnix appends the seconds since 1970, 0 for the zero time.
func appendUnix(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, '0')
	}
	return strconv.AppendInt(b, t.Unix(), 10)
}

// appendMilli appends the milliseconds since 1970, 0 for the zero time.
func appendMilli(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, '0')
	}
	return strconv.AppendInt(b, t.UnixMilli(), 10)
}

func appendSeconds(b []byte, d time.Duration) []byte { return appendInt(b, int64(d/time.Second)) }

// appendMinutes appends whole minutes, rounded up: what is not none does not become none.
func appendMinutes(b []byte, d time.Duration) []byte {
	return appendInt(b, int64((d+time.Minute-1)/time.Minute))
}

// kilo is a rate of the protocol: 1,000 bytes a second.
const kilo = 1000

// appendKilo appends a limit in kB/s, rounded up: what is a limit does not become none.
func appendKilo(b []byte, n int64) []byte { return appendInt(b, (n+kilo-1)/kilo) }

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, x)
	}
	return append(b, ']')
}

func appendStrings(b []byte, list []string) []byte { return appendList(b, list, appendString) }

// appendHash appends what id.String returns.
func appendHash(b []byte, id metainfo.ID) []byte {
	if id.HasV1() {
		return hex.AppendEncode(b, id.V1[:])
	}
	return hex.AppendEncode(b, id.V2[:])
}
