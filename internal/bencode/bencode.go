// Package bencode owns the encoding of BEP 3: .torrent files, extension
// messages, tracker replies, resume records. It is the only package that
// imports zeebo/bencode, and it puts a strict iterative scanner in front of
// it, because that library trusts its input with depth, sizes and repeated
// keys. All functions are pure and may be called from any goroutine; results
// of Cursor, Dict and List alias their input.
package bencode

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	zeebo "github.com/zeebo/bencode"
)

// RawMessage is one encoded value, kept byte for byte.
type RawMessage = zeebo.RawMessage

// ErrType is wrapped by the errors of Unmarshal about well-formed values of
// an unexpected kind; the rest of the target is filled in then.
var ErrType = errors.New("unexpected kind of value")

// Unmarshal decodes b, which must be exactly one value within lim, into v, a
// pointer to a struct or to anything else that zeebo takes.
//
// Struct fields follow the rule of CheckFields. Unknown keys are skipped
// without being decoded. A key whose value has the wrong kind, or an integer
// beyond 64 bits, leaves its field zero, and the error, which wraps ErrType, names
// all such keys: one bad key costs one key, if the caller wants it so.
func Unmarshal(b []byte, lim Limits, v any) error {
	n, err := Scan(b, lim)
	if err != nil {
		return err
	}
	if n != len(b) {
		return syntaxAt(n, "%d more bytes after the value", len(b)-n)
	}
	return decode(b, v)
}

// UnmarshalPrefix is Unmarshal for a value that is followed by other bytes
// (BEP 9); n is the length of the value, also when the error wraps ErrType.
func UnmarshalPrefix(b []byte, lim Limits, v any) (n int, err error) {
	n, err = Scan(b, lim)
	if err != nil {
		return 0, err
	}
	return n, decode(b[:n], v)
}

// decode takes scanned bytes only.
func decode(b []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
		return decodeStruct(b, p.Elem())
	}
	if err := zeebo.DecodeBytes(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrType, err)
	}
	return nil
}

// decodeStruct hands zeebo one known key after the other, so that it never
// sees an unknown one and an error stays with its key.
func decodeStruct(b []byte, s reflect.Value) error {
	if b[0] != 'd' {
		return fmt.Errorf("%w: not a dictionary", ErrType)
	}
	var bad []string
	for key, raw := range Dict(b) {
		f, ok := fieldFor(s, key)
		if !ok {
			continue
		}
		f.SetZero()
		if !stringsFit(f.Type(), raw) {
			bad = append(bad, fmt.Sprintf("%q", key))
			continue
		}
		if err := zeebo.DecodeBytes(raw, f.Addr().Interface()); err != nil {
			f.SetZero()
			bad = append(bad, fmt.Sprintf("%q", key))
		}
	}
	if bad != nil {
		return fmt.Errorf("%w under %s", ErrType, strings.Join(bad, ", "))
	}
	return nil
}

// stringsFit reports whether strings stand where t has []byte. zeebo takes a list of
// integers there too, and cuts each to a byte.
func stringsFit(t reflect.Type, raw []byte) bool {
	switch {
	case t == reflect.TypeFor[RawMessage]() || t.Kind() != reflect.Slice:
		return true
	case t.Elem().Kind() == reflect.Uint8:
		_, ok := String(raw)
		return ok
	case t.Elem().Kind() == reflect.Slice:
		for elem := range List(raw) {
			if !stringsFit(t.Elem(), elem) {
				return false
			}
		}
	}
	return true
}

func fieldFor(s reflect.Value, key string) (reflect.Value, bool) {
	for i := range s.NumField() {
		name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("bencode"), ",")
		if name == key && name != "-" && name != "" {
			return s.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// Marshal encodes v with sorted keys. Fields of a struct that are optional
// need ",omitempty": an empty RawMessage without it is an error here.
func Marshal(v any) ([]byte, error) {
	b, err := zeebo.EncodeBytes(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	n, err := Scan(b, Limits{Bytes: maxBytes, Items: maxBytes})
	if err == nil && n != len(b) {
		err = syntaxAt(n, "%d more bytes after the value", len(b)-n)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return b, nil
}
