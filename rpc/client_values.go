package rpc

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// wireInt is a whole number. Daemons also write 3.0, true and 1e3 where one is due.
type wireInt int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *wireInt) UnmarshalJSON(b []byte) error {
	s := string(b)
	switch s {
	case "null", "false":
		*n = 0
		return nil
	case "true":
		*n = 1
		return nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = wireInt(v)
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f >= math.MaxInt64 || f <= math.MinInt64 {
		return &json.UnmarshalTypeError{Value: kindOf(b), Type: reflect.TypeFor[int64]()}
	}
	*n = wireInt(f)
	return nil
}

// wireBool is a truth value, which older daemons write as 0 and 1.
type wireBool bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *wireBool) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", "1":
		*t = true
	case "false", "0", "null":
		*t = false
	default:
		return &json.UnmarshalTypeError{Value: kindOf(b), Type: reflect.TypeFor[bool]()}
	}
	return nil
}

// kindOf names what kind of JSON value b is.
func kindOf(b []byte) string {
	switch b[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	return fmt.Sprintf("number %.40s", b)
}

// unix is a moment in seconds since 1970, the zero time for 0 and what no calendar has.
func (n wireInt) unix() time.Time {
	if n <= 0 || n > 1<<38 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

// milli is a moment in milliseconds since 1970.
func (n wireInt) milli() time.Time {
	if n <= 0 || n > 1<<48 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}

// times is n times a unit, within what a Duration holds.
func (n wireInt) times(unit time.Duration) time.Duration {
	limit := wireInt(math.MaxInt64 / int64(unit))
	return time.Duration(min(max(n, -limit), limit)) * unit
}

// rate is a limit in kB/s as bytes a second, 0 where it is off.
func (n wireInt) rate(on wireBool) int64 {
	if !on || n <= 0 {
		return 0
	}
	return int64(min(n, math.MaxInt64/kilo)) * kilo
}

// int is n as an int that fits everywhere.
func (n wireInt) int() int { return int(min(max(n, math.MinInt32), math.MaxInt32)) }

// fieldsOf lists the JSON names of a struct that the daemon knows: those with the tag rpc only from that version of the RPC on, or
// from shoal alone with 0. Daemons that do not know a name may answer it with nonsense.
func fieldsOf[T any](d daemon) []string {
	t := reflect.TypeFor[T]()
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if from, tagged := f.Tag.Lookup("rpc"); tagged && !d.shoal {
			if v, err := strconv.Atoi(from); err != nil || v == 0 || d.version < v {
				continue
			}
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
